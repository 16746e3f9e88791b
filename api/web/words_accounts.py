"""What the pages say about one's own account, a second factor, a contact and the accounts of others."""

from __future__ import annotations

from collections.abc import Mapping

ACCOUNT_WORDS: Mapping[str, tuple[str, str]] = {
    # signing in
    "by_passkey": ("الدخول بمفتاح المرور", "Sign in with a passkey"),
    "or_password": ("أو بكلمة المرور ورمز التطبيق", "or with password and code"),
    # the page
    "account": ("حسابي", "My account"),
    "to_console": ("إلى لوحة العمل", "To the console"),
    "passkeys": ("مفاتيح المرور", "Passkeys"),
    "passkeys_lead": (
        "ادخل ببصمتك أو وجهك أو رمز جهازك بدل كلمة المرور. أضف مفتاحاً على جهاز لا يستخدمه غيرك.",
        "Sign in with your finger, face or device code instead of a password. Add one on a device only you use.",
    ),
    "passkeys_impossible": (
        "لا تعمل مفاتيح المرور على هذا العنوان: تحتاج إلى https واسم موقع.",
        "Passkeys do not work at this address: they need https and a name.",
    ),
    "no_passkeys": ("لا يوجد مفتاح مرور بعد.", "No passkey yet."),
    "passkey_on": ("على أي جهاز؟", "On which device?"),
    "this_computer": ("هذا الحاسوب", "This computer"),
    "phone": ("الهاتف", "Phone"),
    "security_key": ("مفتاح أمان", "Security key"),
    "add": ("إضافة", "Add"),
    "remove": ("إزالة", "Remove"),
    "really": ("متأكد؟ اضغط مرة أخرى", "Sure? Press again"),
    "added_on": ("أُضيف", "Added"),
    "used_on": ("آخر استخدام", "Last used"),
    "never_used": ("لم يُستخدم بعد", "Not used yet"),
    "passkey_added": ("أُضيف مفتاح المرور.", "The passkey was added."),
    "passkey_removed": ("أُزيل المفتاح، وانتهت الجلسات الأخرى.", "The passkey was taken away; other sessions have ended."),
    "change_password": ("تغيير كلمة المرور", "Change the password"),
    "present_password": ("كلمة المرور الحالية", "Present password"),
    "new_password": ("كلمة المرور الجديدة (١٢ حرفاً على الأقل)", "New password (12 characters or more)"),
    "password_changed": ("تغيّرت كلمة المرور، وانتهت الجلسات الأخرى.", "The password was changed; other sessions have ended."),
    "own_password_first": (
        "كلمة المرور هذه رآها غيرك. اختر كلمة مرور خاصة بك، ثم تابع.",
        "Somebody else has seen this password. Choose one of your own, then go on.",
    ),
    "everywhere": ("تسجيل الخروج من كل الأجهزة", "Sign out everywhere"),
    "everywhere_lead": (
        "ينهي كل جلساتك، هنا وعلى أي جهاز آخر. إن كنت في محادثة فأعدها أولاً إلى القائمة.",
        "Ends all your sessions, here and on every other device. If you are in a talk, give it back first.",
    ),
    # accounts of others
    "accounts": ("الحسابات", "Accounts"),
    "accounts_lead": (
        "الإيقاف فوري وبشخص واحد. الاستعادة تحتاج إلى شخصين: مسؤول يطلبها وشخص ثانٍ يؤكدها خلال ساعة.",
        "One admin puts an account out of service at once. Recovery takes two: an admin asks, a second person confirms "
        "within the hour.",
    ),
    "role_counsellor": ("إرشاد", "Counsellor"),
    "role_supervisor": ("إشراف", "Supervisor"),
    "role_office": ("مكتب", "Office"),
    "role_editor": ("تحرير", "Editor"),
    "role_clinical": ("مراجعة سريرية", "Clinical"),
    "role_security": ("أمن", "Security"),
    "role_publisher": ("نشر", "Publisher"),
    "role_admin": ("إدارة", "Admin"),
    "every_desk": ("كل المكاتب", "Every desk"),
    "out_of_service": ("متوقف", "Out of service"),
    "put_out": ("إيقاف الحساب", "Put out of service"),
    "ask_recovery": ("طلب استعادة", "Ask for recovery"),
    "take_back_recovery": ("سحب الطلب", "Take back"),
    "confirm_recovery": ("تأكيد الاستعادة", "Confirm recovery"),
    "asked_by": ("طلب الاستعادة:", "Recovery asked by:"),
    "until": ("حتى", "until"),
    "shown_once": (
        "تُعرض مرة واحدة. سلّمها باليد لصاحب الحساب بعد التأكد من هويته؛ كلمة المرور صالحة ساعة لاختيار غيرها فقط.",
        "Shown once. Hand it over in person to the owner, whom you know to be the owner. For one hour the password is "
        "good for choosing another, and nothing else.",
    ),
    "authenticator": ("لتطبيق الرموز", "For the authenticator app"),
    "enrol_lead": (
        "أضف هذا السطر إلى تطبيق الرموز. لم يره أحد غيرك، ولن يظهر بعد اختيار كلمة المرور.",
        "Add this line to your authenticator app. Nobody else has seen it, and it is not shown again once you have chosen "
        "your password.",
    ),
    "enrol_code": ("الرمز الذي يظهر الآن في التطبيق", "The code your app shows now"),
    "no_code_yet": (
        "بعد استعادة الحساب: اترك خانة الرمز فارغة.",
        "After a recovery: leave the code empty.",
    ),
    "done": ("تم", "Done"),
    # the second factor
    "step_up": ("تأكيد الهوية", "Is it you?"),
    "step_up_lead": (
        "هذه الخطوة تحتاج إلى تأكيد جديد. يكفي لخمس دقائق.",
        "This step needs a second factor shown just now. It holds for five minutes.",
    ),
    "step_up_passkey": ("تأكيد بمفتاح المرور", "Confirm with a passkey"),
    "confirm": ("تأكيد", "Confirm"),
    "cancel": ("إلغاء", "Cancel"),
    # the contact
    "contact": ("عرض الرقم", "Show the number"),
    "contact_warning": (
        "اتصال في غير وقته قد يعرّض الشخص للخطر. لا تتصل إلا كما اتفقتما، ولا تكتب الرقم في أي مكان. كل عرض يُسجَّل باسمك.",
        "A call at the wrong moment can put somebody in danger. Call only as agreed, and write the number down nowhere. "
        "Each look is recorded under your name.",
    ),
    "contact_why": ("السبب", "Reason"),
    "contact_call_wish": ("طلب الشخص اتصالاً", "The person asked for a call"),
    "contact_emergency_services": ("إرسال خدمات الطوارئ", "Sending emergency services"),
    "contact_safe_contact": ("وسيلة آمنة متفق عليها", "A safe contact was agreed"),
    "contact_goes": ("يختفي الرقم بعد دقيقتين أو عند الإغلاق.", "The number goes after two minutes, or when this is closed."),
    # problems
    "problem_step-up-needed": ("يلزم تأكيد الهوية أولاً.", "A second factor is needed first."),
    "problem_own-password-first": ("اختر أولاً كلمة مرور خاصة بك.", "Choose a password of your own first."),
    "problem_no-passkeys": ("لا تعمل مفاتيح المرور على هذا العنوان.", "Passkeys do not work at this address."),
    "problem_too-many-passkeys": ("بلغت الحد الأقصى: أزل مفتاحاً أولاً.", "There is no room: take one away first."),
    "problem_not-possible": (
        "غير ممكن الآن، أو ليس من هذا الحساب: يلزم شخصان مختلفان.",
        "Not possible now, or not by you: it takes two different people.",
    ),
    "problem_contact-gone": ("لا يوجد رقم يمكن عرضه.", "There is no number to be seen."),
    "problem_invalid": ("تحقق مما كُتب.", "Check what was typed."),
    "problem_signed-out": ("انتهت الجلسة. سجّل الدخول من جديد.", "The session has ended. Sign in again."),
    "problem_passkey-refused": ("لم يُقبل مفتاح المرور.", "The passkey was not accepted."),
    "problem_passkey-cancelled": ("لم يكتمل التأكيد على الجهاز.", "The device did not confirm."),
    "problem_passkey-known": ("هذا الجهاز مُضاف من قبل.", "This device has been added before."),
}
