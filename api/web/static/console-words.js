// Numbers beside nouns: the forms of a word as the server has them, in gettext's order, which is that of Intl for both
// languages.
const KINDS = { 2: ["one", "other"], 6: ["zero", "one", "two", "few", "many", "other"] };
const rules = new Intl.PluralRules(document.documentElement.lang);

export const counted = (forms, number) => forms[KINDS[forms.length].indexOf(rules.select(number))].replace("{n}", number);
