"""What the canned provider says to whoever asks in German or in Arabic."""

from __future__ import annotations

import re

_MARKDOWN_DE = """\
## Markdown, während es geschrieben wird

Ein Modell schreibt *Markdown*. Jeder Absatz entsteht hier, während seine Wörter eintreffen: \
Nie ist ein einsames `**` zu sehen, das auf seinen Partner wartet. **Nie.**

1. Überschriften, wie die oben
2. Listen, mit Zahlen oder ohne
   - und Listen in Listen,
   - so tief, wie ein Modell es will

```python
@app.post("/chat")
@stream.response
def chat():
    return claude.messages.create(…, stream=True)
```

| Worauf man wartet | Was zu sehen ist | Sekunden |
|:------------------|:-----------------|---------:|
| Gestreamt         | die ersten Wörter |      0,6 |
| Alles auf einmal  | gar nichts       |      8,4 |

> Ein Modell kann auch HTML schreiben. <b>Es bleibt, was es ist</b>: Text."""

_MARKDOWN_AR = """\
## نص Markdown أثناء كتابته

يكتب النموذج نص *Markdown*. هنا تتكوّن كل فقرة بينما تصل كلماتها، فلا ترى أبدًا علامة `**` \
وحيدة تنتظر رفيقتها. **أبدًا.**

1. عناوين، مثل العنوان أعلاه
2. قوائم، مرقّمة أو بلا أرقام
   - وقوائم داخل قوائم،
   - بأي عمق يريده النموذج

```python
@app.post("/chat")
@stream.response
def chat():
    return claude.messages.create(…, stream=True)
```

| ما يُنتظر | ما يراه القارئ | الثواني |
|:---------|:--------------|-------:|
| بث       | الكلمات الأولى | 0.6 |
| دفعة واحدة | لا شيء       | 8.4 |

> قد يكتب النموذج HTML أيضًا. <b>يبقى كما هو</b>: نصًّا."""

TRANSLATED = {
    "de": {
        "why": """\
Weil sich Warten länger anfühlt als Lesen. Ein Sprachmodell schreibt etwa so schnell, wie man \
liest. Eine Antwort von hundert Wörtern dauert also einige Sekunden. Kommt sie auf einmal, \
sind diese Sekunden eine leere Seite.

Gestreamt sind die ersten Wörter fast sofort da. Bis das letzte geschrieben ist, hat man den \
Rest gelesen, und man hätte unterbrechen können. Die ganze Antwort hat genauso lange \
gedauert.""",
        "how": """\
Die Frage ging an eine Flask-View. Die View bat den Anbieter um einen Stream und gab ihn \
zurück, und mehr hat sie nicht getan.

Von da an geht jedes Stück Text als ein Ereignis zur Seite, und es wird in einer Datei \
aufbewahrt: Man darf die Seite mitten in einer Antwort neu laden. Am Ende sagt ein letztes \
Ereignis, wie sie ausging. Eine abgeschnittene Antwort sieht nie aus wie eine ganze.""",
        "haiku": "Ein Zeiger blinkt.  \nEin Wort, und dann noch eines:  \nNiemand wartet jetzt.",
        "greeting": """\
Hallo! Vorweg: Ich bin kein Sprachmodell, nur ein kleiner Server in diesem Beispiel, der eine \
Handvoll Antworten auswendig kann. Ich spreche aber dasselbe Protokoll wie ein echtes, Wort \
für Wort.""",
        "markdown": _MARKDOWN_DE,
        "slow start": """\
Das war ein langsamer Start: sechs Sekunden ohne ein Wort, wie wenn ein Modell erst nachdenkt.

Die Seite zeigte derweil drei Punkte, und Stopp hätte in jedem Augenblick gewirkt.""",
        "let through": """\
Diesmal ging es durch. Eben noch hat der Anbieter dieselbe Frage mit HTTP 429 und einem \
Retry-After abgelehnt. Die Seite hat es gesagt und ihren Knopf so lange gesperrt, wie es ihr \
aufgetragen war.""",
        "fallback": """\
Gefragt war: „{question}“

Ein echtes Modell würde jetzt davon erzählen. Ich kann nur eine Handvoll Antworten auswendig. \
Diese zeigt, wie eine eintrifft: etwa dreißig Token in der Sekunde.

Mit ANTHROPIC_API_KEY oder OPENAI_API_KEY in der Umgebung antwortet dieselbe Seite im Ernst.""",
        "files": """\
Das kam mit der Frage:

{files}

Ich kann nichts davon lesen, denn ich bin kein Sprachmodell. Ein echtes bekommt dasselbe: jede \
Datei ganz, hinter ihrem Namen, und dann die Frage.""",
    },
    "ar": {
        "why": """\
لأن الانتظار يبدو أطول من القراءة. يكتب النموذج اللغوي بسرعة قراءتك تقريبًا، فتستغرق إجابة من \
مئة كلمة عدة ثوانٍ. وإذا أُرسلت دفعة واحدة كانت تلك الثواني صفحة فارغة.

أما مع البث فتصل الكلمات الأولى فورًا تقريبًا. وحين تُكتب الكلمة الأخيرة تكون قد قرأت ما \
قبلها، وكان بوسعك إيقافها. استغرقت الإجابة كلها الوقت نفسه.""",
        "how": """\
ذهب سؤالك إلى دالة في Flask. طلبت الدالة من المزوّد بثًّا وأعادته، ولم تفعل غير ذلك.

ثم يُرسل كل جزء من النص حدثًا واحدًا، ويُحفظ في ملف، فيمكنك إعادة تحميل الصفحة في منتصف \
الإجابة. وفي النهاية يأتي حدث أخير يقول كيف انتهت.""",
        "haiku": "  \n".join(("مؤشرٌ يومض.", "كلمةٌ ثم أختها:", "والانتظار انتهى.")),
        "greeting": """\
مرحبًا! لستُ نموذجًا لغويًّا، بل خادم صغير داخل هذا المثال يحفظ بضع إجابات. لكنني أتحدث \
البروتوكول نفسه الذي يتحدثه النموذج الحقيقي، كلمة بعد كلمة.""",
        "markdown": _MARKDOWN_AR,
        "slow start": """\
كانت تلك بداية بطيئة: ست ثوانٍ بلا كلمة، كما يحدث حين يفكر النموذج أولًا.

عرضت الصفحة خلالها ثلاث نقاط، وكان زر الإيقاف يعمل في كل لحظة.""",
        "let through": """\
سُمح لك بالمرور هذه المرة. قبل لحظات رفض المزوّد السؤال نفسه برمز HTTP 429 وترويسة \
Retry-After، وقالت الصفحة ذلك وأبقت زرها مغلقًا المدة المطلوبة.""",
        "fallback": """\
سألتَ: «{question}»

كان النموذج الحقيقي سيخبرك عن ذلك الآن. أما أنا فأحفظ بضع إجابات فقط، فلتُرِك هذه كيف تصل \
الإجابة: نحو ثلاثين رمزًا في الثانية.

اضبط ANTHROPIC_API_KEY أو OPENAI_API_KEY ثم أعد تشغيل التطبيق لتجيب الصفحة نفسها حقًّا.""",
        "files": """\
هذا ما جاء مع سؤالك:

{files}

لا أستطيع قراءة شيء منه، فأنا لستُ نموذجًا لغويًّا. النموذج الحقيقي يستلم الشيء نفسه: كل ملف \
كاملًا بعد اسمه، ثم كلماتك.""",
    },
}

_GERMAN = r"[äöüß]|\b(das|ein|eine|einen|hallo|ist|nicht|und|warum|wenn|wie)\b"


def language_of(prompt: str) -> str:
    """Tell English from German and Arabic."""
    if re.search("[\u0621-\u064a]", prompt):
        return "ar"
    return "de" if re.search(_GERMAN, prompt, re.IGNORECASE) else "en"
