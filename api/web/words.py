"""What the console says, in Arabic and English: codes in words, labels, and what to do about a problem.

A counsellor reads words, the database holds codes; this is the one place where one becomes the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.web.words_accounts import ACCOUNT_WORDS
from api.web.words_aids import AIDS
from api.web.words_practice import PRACTICE_WORDS
from api.web.words_rota import ROTA_WORDS

LANGUAGES = ("ar", "en")

_WORDS: Mapping[str, tuple[str, str]] = {
    **AIDS,
    # the page
    "title": ("همس", "Hams"),
    "sign_in": ("تسجيل الدخول", "Sign in"),
    "sign_in_lead": ("لوحة المرشدات والمرشدين", "Counsellors' console"),
    "username": ("اسم المستخدم", "User name"),
    "password": ("كلمة المرور", "Password"),
    "totp": ("رمز التطبيق (٦ أرقام)", "Code from your app (6 digits)"),
    "sign_out": ("تسجيل الخروج", "Sign out"),
    "other_language": ("English", "العربية"),
    "no_script": ("تحتاج هذه الصفحة إلى JavaScript.", "This page needs JavaScript."),
    "queue": ("قائمة الانتظار", "Queue"),
    "mine": ("معي الآن", "With me"),
    "waiting": ("بالانتظار", "Waiting"),
    "with_colleagues": ("مع الزملاء", "With colleagues"),
    "left_group": ("غادروا المحادثة", "Left the chat"),
    "nobody": ("لا أحد ينتظر الآن.", "Nobody is waiting now."),
    "not_for_role": ("هذا الدور لا يرى المحادثات.", "This role does not see people."),
    "connected": ("متصل", "Connected"),
    "reconnecting": ("انقطع الاتصال، نحاول من جديد…", "Connection lost, trying again…"),
    "claim": ("استلام", "Take"),
    "acknowledge": ("اطّلعت", "Look after"),
    "open": ("فتح", "Open"),
    "back": ("القائمة", "Queue"),
    "more": ("المزيد", "More"),
    "release": ("إعادة إلى القائمة", "Give back"),
    "transfer": ("تحويل إلى زميل", "Hand to a colleague"),
    "transfer_to": ("اسم الزميل", "Colleague's user name"),
    "close": ("إنهاء", "End"),
    "close_as": ("النتيجة", "Outcome"),
    "send": ("إرسال", "Send"),
    "message": ("رسالتك", "Your message"),
    "pick": ("اختر شخصاً من القائمة.", "Choose somebody from the queue."),
    "nothing_kept": (
        "لا تُحفظ الكلمات: ما ظهر هنا يختفي عند إغلاق الصفحة.",
        "Words are not kept: what is shown here goes when the page is closed.",
    ),
    "exit_warning": (
        "انتبه: من يرد بـ 0 أو x يخرج من المحادثة فوراً. لا تطلب هذا الرد.",
        "Careful: whoever answers 0 or x leaves the chat at once. Do not ask for that answer.",
    ),
    "not_now": ("لا يمكن الكلام الآن", "Cannot talk now"),
    "not_now_warning": (
        "قال الشخص إن الكلام غير ممكن الآن، وقد يكون أحد بجانبه. أي رسالة تضيء هاتفه: انتظر حتى يكتب، إلا لضرورة.",
        "The person said that they cannot talk now; somebody may be beside them. Any message lights up their phone: "
        "wait until they write, unless it cannot wait.",
    ),
    "bot_goes_on": (
        "إلى أن ترسل أول رسالة يبقى البرنامج يجيب ويسأل، وما يُكتب يظهر هنا أيضاً.",
        "Until your first message the program goes on answering and asking; what is written shows here too.",
    ),
    "left_banner": (
        "غادر المحادثة: لا تتواصل إلا إذا اتُّفق على وسيلة آمنة.",
        "Left the chat: do not contact unless a safe contact was agreed.",
    ),
    "taken_banner": ("لم تعد هذه المحادثة معك.", "This talk is no longer with you."),
    "lapsed": ("رسالة وصلت ولم يعد ممكناً عرضها.", "A message came that can no longer be shown."),
    "state_sending": ("يُرسل…", "sending…"),
    "mark_delivered": ("وصلت", "delivered"),
    "mark_read": ("قُرئت", "read"),
    "mark_undelivered_opted_out": ("لم تصل: أوقف صاحب الرقم الرسائل", "not delivered: this number has stopped messages"),
    "mark_undelivered_window": ("لم تصل: انتهت مهلة الرد", "not delivered: the reply window is over"),
    "mark_undelivered_number": ("لم تصل: الرقم لا يستقبل", "not delivered: this number cannot receive"),
    "mark_undelivered_region": ("لم تصل: البلد غير مفتوح عندنا", "not delivered: we cannot send to this country"),
    "mark_undelivered_unreachable": ("لم تصل: الهاتف مغلق أو بلا شبكة", "not delivered: the phone is off or has no network"),
    "mark_undelivered_filtered": ("لم تصل: أوقفتها شركة الاتصالات", "not delivered: the carrier held it back"),
    "mark_undelivered_slow_down": ("لم تصل: رسائل كثيرة في وقت قصير", "not delivered: too many in a short time"),
    "mark_undelivered_other": ("لم تصل", "not delivered"),
    "state_waits": ("تنتظر عودة الشبكة…", "waits for the network…"),
    "state_unsure": ("لا نعرف إن أُرسلت", "not known whether it was sent"),
    "state_lapsed": ("لم تُرسل: طال انقطاع الشبكة", "not sent: the network was away too long"),
    "unsent_banner": ("ما كُتب أثناء انقطاع الشبكة لم يُرسل.", "What was written while the network was away was not sent."),
    "state_queued": ("في الطريق", "on its way"),
    "state_sent": ("أُرسلت", "sent"),
    "state_failed": ("لم تُرسل", "not sent"),
    "state_refused": ("لم تُرسل: غادر المحادثة", "not sent: left the chat"),
    "too_long": ("الرسالة أطول مما تحمله القناة.", "Longer than the channel takes."),
    # the card
    "since": ("منذ", "for"),
    "window": ("نافذة الرد", "Reply window"),
    "window_closed": ("أُغلقت نافذة الرد", "Reply window closed"),
    "repeat": ("تواصل سابق", "Earlier contacts"),
    "bell_on": ("الجرس يعمل", "Bell on"),
    "bell_off": ("الجرس متوقف", "Bell off"),
    "bell_notice": ("الرجاء النظر إلى الشاشة", "Please look at the screen"),
    "climbed_1": ("متاح لكل المكاتب", "Open to every desk"),
    "climbed_2": ("طُلب المشرف", "Supervisor called"),
    "climbed_3": ("طُلبت المناوبة", "Duty called"),
    "again": ("انقطع عنه من كان معه", "Lost their counsellor"),
    "call_wish": ("يريد اتصالاً", "Wants a call"),
    "wish": ("طلب شخصاً", "Asked for a person"),
    "children": ("مسار الأطفال", "Children's queue"),
    "owner": ("مع", "with"),
    "unread": ("جديد", "new"),
    # changing hands
    "asked": ("مطلوب منك", "You are asked"),
    "beside": ("قراءة مع الزملاء", "Reading along"),
    "invite": ("تسليم مع البقاء", "Hand over and stay"),
    "invited_chip": ("دعوة للاستلام", "Asked to take on"),
    "accept_invite": ("أستلم", "Take on"),
    "decline_invite": ("لا أقدر الآن", "Cannot now"),
    "uninvite": ("سحب الدعوة", "Take the invitation back"),
    "present_former": ("ما زال يقرأ معنا", "Still reads along"),
    "present_silent": ("الإشراف يقرأ بصمت", "Supervisor reads along silently"),
    "present_open": ("الإشراف انضم علناً", "Supervisor has joined openly"),
    "join_silently": ("القراءة بصمت", "Read along silently"),
    "join_openly": ("الانضمام علناً: يُخبَر الشخص", "Join openly: the person is told"),
    "take_over": ("استلام المحادثة", "Take over"),
    "leave_talk": ("التوقف عن القراءة", "Stop reading along"),
    "reading_note": ("هنا قراءة فقط: يكتب من معه المحادثة.", "You read along; whoever has the talk writes."),
    "now_with": ("هي الآن مع", "It is now with"),
    "raise_now": ("رفع إلى خطر داهم", "Raise to immediate danger"),
    "raise_band": ("رفع الدرجة", "Raise the band"),
    "lower_band": ("اقتراح خفض الدرجة", "Propose a lower band"),
    "lower_note": ("لا تُخفض الدرجة إلا بموافقة شخص ثانٍ.", "A band is lowered only when a second person agrees."),
    "to_band": ("الدرجة", "Band"),
    "reason": ("السبب", "Reason"),
    "lowering": ("اقتراح خفض إلى", "Proposed: lower to"),
    "lower_confirm": ("أوافق", "Agree"),
    "lower_decline": ("لا أوافق", "Do not agree"),
    "lower_withdraw": ("سحب الاقتراح", "Take the proposal back"),
    "block": ("حظر الرقم", "Block the number"),
    "block_note": (
        "الحظر يؤخر الدور فقط: معلومات الطوارئ تصل، والخطر يرن كما هو.",
        "A block only changes the order: emergency information is still given and danger still rings.",
    ),
    "blocked": ("رقم محظور", "Blocked"),
    "lift_block": ("رفع الحظر", "Lift the block"),
    "raise_said_in_talk": ("قيل في المحادثة", "Said in the talk"),
    "raise_weapon_near": ("سلاح قريب", "A weapon is near"),
    "raise_child_at_risk": ("طفل في خطر", "A child is at risk"),
    "raise_getting_worse": ("الوضع يسوء", "Getting worse"),
    "raise_more_than_answered": ("أخطر مما أُجيب", "More than was answered"),
    "raise_my_judgement": ("تقديري المهني", "My judgement"),
    "lower_misread": ("فُهمت الكلمات خطأ", "The words were misread"),
    "lower_wrong_answer": ("جواب بالخطأ", "Answered by mistake"),
    "lower_not_about_them": ("الكلام عن غيره", "It is about somebody else"),
    "lower_past_danger": ("الخطر مضى", "The danger is past"),
    "lower_others_look_after": ("جهة أخرى تتولى الأمر", "Others look after it"),
    "lower_test_or_prank": ("تجربة أو عبث", "A test or a prank"),
    "block_prank": ("عبث", "Prank"),
    "block_flooding": ("رسائل كثيرة جداً", "Flooding"),
    "block_abuse_of_staff": ("إساءة للفريق", "Abuse of staff"),
    "block_wrong_number": ("رقم خاطئ", "Wrong number"),
    "block_advertising": ("إعلانات", "Advertising"),
    # bands
    "RED": ("خطر داهم", "Immediate danger"),
    "HIGH": ("خطر مرتفع", "High"),
    "ELEVATED": ("خطر متزايد", "Elevated"),
    "UNKNOWN": ("غير معروف", "Not known"),
    "NONE_DISCLOSED": ("لم يُذكر خطر", "Nothing disclosed"),
    # places, channels, languages
    "JO": ("الأردن", "Jordan"),
    "QA": ("قطر", "Qatar"),
    "BH": ("البحرين", "Bahrain"),
    "AE": ("الإمارات", "UAE"),
    "XX": ("بلد غير معروف", "Country not known"),
    "whatsapp": ("واتساب", "WhatsApp"),
    "sms": ("رسالة قصيرة", "SMS"),
    "lev": ("لهجة شامية", "Levantine"),
    "gulf": ("لهجة خليجية", "Gulf"),
    "msa": ("فصحى", "Standard Arabic"),
    "en": ("إنجليزية", "English"),
    # outcomes
    "outcome_helped": ("تمت المساعدة", "Helped"),
    "outcome_information": ("أُعطيت معلومات", "Information given"),
    "outcome_referred": ("أُحيل إلى جهة", "Referred"),
    "outcome_emergency_services": ("خدمات الطوارئ", "Emergency services"),
    "outcome_call_arranged": ("اتُّفق على اتصال", "Call arranged"),
    "outcome_declined": ("لم يرغب بالمتابعة", "Declined"),
    "outcome_no_answer": ("لا رد", "No answer"),
    "outcome_wrong_number": ("رقم خاطئ", "Wrong number"),
    "outcome_prank": ("عبث", "Prank"),
    "outcome_left_chat": ("غادر المحادثة", "Left the chat"),
    "outcome_other": ("غير ذلك", "Other"),
    # problems
    "problem_refused": ("الاسم أو كلمة المرور أو الرمز غير صحيح.", "Name, password or code is wrong."),
    "problem_too-soon": ("محاولات كثيرة. انتظر قليلاً.", "Too many tries. Wait a little."),
    "problem_stale-epoch": ("تغيّرت الحالة؛ جرى التحديث.", "It changed meanwhile; the list is up to date now."),
    "problem_not-yours": ("استلمها زميل.", "A colleague has taken it."),
    "problem_wrong-state": ("لم يعد ذلك ممكناً.", "That is no longer possible."),
    "problem_not-invited": ("لم تعد الدعوة قائمة.", "The invitation does not stand any more."),
    "problem_not-proposed": ("لم يعد الاقتراح قائماً.", "The proposal does not stand any more."),
    "problem_same-person": ("يلزم شخص ثانٍ.", "It takes a second person."),
    "problem_invalid": ("لا يمكن ذلك هنا: يُرجى التحقق من الاسم والاختيار.", "That is not possible here: check the name and the choice."),
    "problem_not-found": ("لم يعد ذلك موجوداً.", "That is not there any more."),
    "problem_store-away": ("الخدمة غير متاحة الآن، حاول بعد لحظة.", "Not available now, try in a moment."),
    "problem_other": ("لم ينجح ذلك، حاول مرة أخرى.", "That did not work, try again."),
    # reasons: flags
    "danger_now": ("خطر الآن", "Danger now"),
    "weapon": ("سلاح", "Weapon"),
    "threat_to_kill": ("تهديد بالقتل", "Threat to kill"),
    "strangulation": ("خنق", "Strangulation"),
    "sexual_violence": ("عنف جنسي", "Sexual violence"),
    "child_at_risk": ("طفل في خطر", "Child at risk"),
    "minor_speaking": ("تحت ١٨ سنة", "Under 18"),
    "minor": ("تحت ١٨ سنة", "Under 18"),
    "self_harm": ("إيذاء النفس", "Self-harm"),
    "confinement": ("احتجاز", "Confinement"),
    "pregnancy": ("حمل", "Pregnancy"),
    "injury": ("إصابة", "Injury"),
    "honour": ("تهديد باسم الشرف", "Honour threat"),
    "blackmail": ("ابتزاز", "Blackmail"),
    # reasons: disclosures
    "disclose_physical": ("عنف جسدي", "Physical violence"),
    "disclose_sexual": ("عنف جنسي", "Sexual violence told"),
    "disclose_psychological": ("عنف نفسي", "Psychological violence"),
    "disclose_economic": ("عنف اقتصادي", "Economic violence"),
    "disclose_digital": ("عنف رقمي", "Digital violence"),
    "disclose_threat": ("تهديد", "Threats"),
    "disclose_confinement": ("حبس أو منع من الخروج", "Locked in or kept from leaving"),
    "disclose_forced_marriage": ("زواج قسري", "Forced marriage"),
    "disclose_stalking": ("ملاحقة", "Stalking"),
    "disclose_child_harm": ("أذى لطفل", "Harm to a child"),
    "disclose_exploitation": ("استغلال", "Exploitation"),
    "disclose_self_harm": ("أفكار بإيذاء النفس", "Thoughts of self-harm"),
    "disclose_own_violence": ("يخشى أن يؤذي أهله", "Fears hurting own family"),
    "report_for_other": ("يبلّغ عن غيره", "Tells of somebody else"),
    "request_human": ("طلب شخصاً", "Asked for a person"),
    "request_office": ("طلب مكتباً", "Asked for an office"),
    # reasons: the gate
    "danger_rule": ("كلمات خطر", "Words of danger"),
    "danger_model": ("مؤشر خطر", "Sign of danger"),
    "duress": ("عبارة إكراه", "Duress phrase"),
    "refused": ("امتنع عن الإجابة", "Declined to answer"),
    "abrupt_end": ("انقطع الحديث فجأة", "Ended abruptly"),
    "engine_down": ("بلا أسئلة: عطل", "No questions asked: fault"),
    "other_indicator": ("مؤشر آخر", "Another indicator"),
    # reasons: answers to screening questions (screening.md)
    "N1": ("مصدر الخوف حاضر أو في الطريق", "Feared person there or on the way"),
    "N2": ("إصابة تحتاج طبيباً", "Hurt, needs a doctor"),
    "N3": ("محبوس ويخاف ما سيأتي", "Locked in and afraid"),
    "N4": ("طفل يتأذى الآن", "Child being hurt now"),
    "P1": ("هدد بالقتل", "Threatened to kill"),
    "P2": ("سلاح أو نار", "Weapon or fire"),
    "P3": ("يعتقد أنه قد يُقتل", "Believes could be killed"),
    "P4": ("ضغط على الرقبة", "Pressed neck"),
    "P5": ("يزداد سوءاً", "Getting worse"),
    "P6": ("سيطرة وغيرة وملاحقة", "Control, jealousy, following"),
    "P7": ("ترك أو ينوي الترك", "Left or plans to"),
    "P8": ("سلاح في المتناول", "Weapon within reach"),
    "P9": ("حمل أو أذى أثناء الحمل", "Pregnant or hurt while pregnant"),
    "P10": ("يهدد بقتل نفسه", "He threatens suicide"),
    "P11": ("يهدد الأطفال", "Threatens the children"),
    "K1": ("العمر", "Age"),
    "K2": ("طفل مصاب أو وحيد في خطر", "Child hurt or alone in danger"),
    "K3": ("يعيش معه طفل", "Child in the home"),
    "K4": ("لمس أو ضغط أو صور", "Touching, secrecy or pictures"),
    "K5": ("زواج أو سفر أو حبس قريب", "Marriage, travel or confinement soon"),
    "S1": ("تمنى الموت مؤخراً", "Wished to be dead lately"),
    "S2": ("الآن، أو خطة أو وسيلة", "Now, or a plan or means"),
    "S3": ("محاولة خلال ٣ أشهر", "Attempt within 3 months"),
    "T1": ("أوراقه أو هاتفه محتجز", "Papers or phone kept"),
    "T2": ("لا يستطيع المغادرة", "Not free to leave"),
    "T3": ("دَين أو تهديد", "Debt or threats"),
    "T4": ("يُجبر على أفعال", "Forced to do acts"),
    "T5": ("بلا أجر", "Unpaid"),
    "T6": ("محبوس الآن", "Shut in now"),
    "H1": ("يخاف أذى الأهل بسبب السمعة", "Fears family over reputation"),
    "H2": ("قيل له سيُقتل أو يقتل نفسه", "Told will be killed or must die"),
    "H3": ("حُبس أو أُخذ هاتفه", "Confined, phone taken"),
    "H4": ("زواج أو سفر قسري قريب", "Forced marriage or travel soon"),
    "H5": ("ابتزاز بصور", "Blackmail with pictures"),
    **ROTA_WORDS,
    **ACCOUNT_WORDS,
    **PRACTICE_WORDS,
}


class Words:
    """The catalogue in one language: ``words("queue")``; a code nobody has put into words is shown as it is."""

    __slots__ = ("_place", "language")

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else LANGUAGES[0]
        self._place = LANGUAGES.index(self.language)

    def __call__(self, code: str) -> str:
        """The words for a code."""
        both = _WORDS.get(code)
        return both[self._place] if both else code

    @property
    def direction(self) -> str:
        """Which way the page reads."""
        return "rtl" if self.language == "ar" else "ltr"


def in_words(code: str) -> bool:
    """Whether a code is in the catalogue."""
    return code in _WORDS
