/** Compiled, never run: what the elements take in Vue's JSX; and in its templates, whose checkers read the same. */
/** @jsxImportSource vue */

import type { GlobalComponents } from "vue";

import type {} from "flask-stream/types/vue";

export const Chat = () => (
  <>
    <flask-chat key="1" class="wide" action="/chat" resume onStream:done={({ detail }) => detail.text_length} />
    <flask-stream form="ask" render="markdown" append />
    {/* @ts-expect-error no such way to draw it */}
    <flask-stream src="/answer" render="html" />
    {/* @ts-expect-error Vue would write the word */}
    <flask-stream src="/answer" smooth={false} />
    {/* @ts-expect-error no message in it */}
    <flask-chat onStream:done={({ detail }) => detail.message} />
  </>
);

type Props<Name extends keyof GlobalComponents> = InstanceType<GlobalComponents[Name]>["$props"];

export const props: Props<"flask-chat"> = { action: "/chat", announce: "off", id: "chat" };
// @ts-expect-error no such way to announce
export const wrong: Props<"flask-chat"> = { announce: "words" };

declare const element: InstanceType<GlobalComponents["flask-chat"]>;
element.ask("Why?");
element.$emit("stream:rate", new CustomEvent("stream:rate", { detail: { submission: "1", value: "up" } }));
// @ts-expect-error no such event
element.$emit("stream:rated", new CustomEvent("stream:rated"));
