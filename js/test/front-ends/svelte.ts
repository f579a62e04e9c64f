/** Compiled, never run: what the elements take in Svelte's markup, whose checkers make this of it. */

import type { Attachment } from "svelte/attachments";
import type { SvelteHTMLElements } from "svelte/elements";
import { on } from "svelte/events";

import type { FlaskChatElement } from "flask-stream/chat";
import type {} from "flask-stream/types/svelte";

function element<Name extends keyof SvelteHTMLElements>(name: Name, attributes: SvelteHTMLElements[Name]) {
  return { name, attributes };
}

element("flask-chat", { action: "/chat", resume: true, class: "wide" });
element("flask-stream", { form: "ask", render: "markdown", append: "" });
// @ts-expect-error no such way to draw it
element("flask-stream", { src: "/answer", render: "html" });
// @ts-expect-error Svelte would write the word
element("flask-stream", { src: "/answer", append: false });
// @ts-expect-error Svelte warns of a colon: listeners are attached
element("flask-chat", { "onstream:done": () => {} });

export const attached: Attachment<FlaskChatElement> = (chat) =>
  on(chat, "stream:done", ({ detail }) => console.log(detail.stop_reason));
