"""What the console says in a practice world, and its link to one. Part of ``words.py``."""

from __future__ import annotations

from collections.abc import Mapping

PRACTICE_WORDS: Mapping[str, tuple[str, str]] = {
    "practice": ("التدريب", "Practice"),
    "practice_title": ("تدريب · همس", "Practice · Hams"),
    "practice_band": ("تدريب: لا أحد حقيقي هنا", "Practice: nobody here is real"),
    "practice_open": ("من يأتي ومتى", "Who comes, and when"),
    "practice_someone": ("شخص جديد", "Somebody new"),
    "practice_look_back": ("نظرة إلى الوراء", "Look back"),
    "practice_room": ("غرفة التدريب", "Practice room"),
    "practice_lead": (
        "كل من يأتي هنا مُختلَق، ويأتي كما يأتي الناس فعلاً. لا يخرج شيء من هذا المكان ولا يُحفظ منه شيء.",
        "Everybody who comes here is made up, and comes as people do. Nothing leaves this place and nothing of it is kept.",
    ),
    "practice_sign_in_lead": (
        "دخول بضغطة واحدة. لا تكتب هنا أي كلمة مرور.",
        "One click to enter. Type no password here.",
    ),
    "practice_as_practice-1": ("أتدرّب: مرشد/ة ١", "Practise: counsellor 1"),
    "practice_as_practice-2": ("أتدرّب: مرشد/ة ٢", "Practise: counsellor 2"),
    "practice_as_practice-lead": ("أتدرّب: إشراف", "Practise: supervisor"),
    "practice_two": (
        "بحسابين وشاشتين يمكن تجربة التسليم والقراءة معاً.",
        "With two accounts on two screens, handing over and reading along can be tried.",
    ),
    "practice_how": ("كيف يأتي الناس", "How people come"),
    "practice_pace_asked": ("عندما أطلب", "When I ask"),
    "practice_pace_one": ("واحداً بعد واحد", "One at a time"),
    "practice_pace_busy": ("ليلة مزدحمة", "A busy night"),
    "practice_haste_1": ("يجيبون كما في الواقع", "They answer as in life"),
    "practice_haste_4": ("يجيبون أسرع", "They answer faster"),
    "practice_people": ("من يمكن أن يأتي", "Who can come"),
    "practice_let_come": ("ليأتِ", "Let come"),
    "practice_is_here": ("هنا الآن", "Here now"),
    "practice_clear": ("إخلاء الغرفة", "Empty the room"),
    "practice_to_queue": ("إلى القائمة", "To the queue"),
    "practice_none_ended": ("لم تنتهِ محادثة بعد.", "No talk has ended yet."),
    "practice_facts_only": (
        "ما يعرفه البرنامج فقط، بلا تقييم؛ ويزول عند إيقاف التدريب.",
        "Only what the program knows, no marks; gone when practice is stopped.",
    ),
    "practice_on_its_way": ("شخص في الطريق: تظهر بطاقته بعد قليل.", "Somebody is on the way: the card appears in a moment."),
    "practice_problem_room-full": ("الغرفة ممتلئة الآن.", "The room is full just now."),
    "practice_problem": ("لم ينجح ذلك؛ حاول من جديد.", "That did not work; try again."),
    # the look back
    "practice_ended_closed": ("أُنهيت المحادثة", "The talk was ended"),
    "practice_ended_left": ("غادر الشخص المحادثة", "The person left the chat"),
    "practice_said": ("ما قيل، كما وصل في البطاقة", "What was told, as the card had it"),
    "practice_nothing_said": ("لا شيء سوى طلب شخص.", "Nothing but the wish for a person."),
    "practice_waited": ("من الوصول إلى الاستلام", "From arriving to being taken"),
    "practice_first_answer": ("من الوصول إلى أول كلمة منك", "From arriving to your first words"),
    "practice_never": ("لم يحدث", "did not happen"),
    "practice_climbed": ("صعد النداء", "The call climbed"),
    "practice_written": ("رسائل منك", "Your messages"),
    "practice_unheard": ("لم تصل منها إلى الهاتف", "of these never on the phone"),
    "practice_exit_asked": (
        "رسائل منك فيها 0 أو x وحدها: من يجيب بها يغادر",
        "Messages of yours with a bare 0 or x: whoever answers with it leaves",
    ),
    "practice_not_now": (
        "رسائل كُتبت بعد أن قال الشخص إن الكلام غير ممكن",
        "Messages written after the person had said that they cannot talk",
    ),
    "practice_plan": ("خطوات من خطة الأمان وُضعت عليها علامة", "Steps of the safety plan that were ticked"),
    "practice_no_plan": ("لا خطوة.", "None."),
    "practice_done": ("ما سُجّل عند الإنهاء", "Noted at the end"),
    "practice_lesson": ("ما الذي يمكن رؤيته هنا", "What there was to see"),
    "practice_close": ("إغلاق", "Close"),
}
