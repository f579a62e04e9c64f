/** Compiled, never run, with React 18's types and with 19's: what the elements take in JSX. */

import { useEffect, useRef } from "react";

import type { FlaskChatElement } from "flask-stream/chat";
import type {} from "flask-stream/types/react";

export function Chat({ run, many }: { run?: string; many: boolean }) {
  const chat = useRef<FlaskChatElement>(null);
  useEffect(() => {
    const element = chat.current;
    if (!element) return;
    const onRate = ({ detail }: HTMLElementEventMap["stream:rate"]) => console.log(detail.value);
    element.addEventListener("stream:rate", onRate);
    element.ask("Why?");
    return () => element.removeEventListener("stream:rate", onRate);
  }, []);
  return (
    <>
      <flask-chat ref={chat} key="1" class="wide" action="/chat" resume={run} heading-level={3} actions="copy edit">
        <div data-turn="user">Hi</div>
      </flask-chat>
      <flask-chat resume smooth announce="answer" with-credentials style={{ height: "30rem" }} />
      <flask-stream form="ask" render="markdown" append={many || undefined} autoscroll="off" />
      {/* @ts-expect-error no such way to draw it */}
      <flask-stream src="/answer" render="html" />
      {/* @ts-expect-error React 18 would write the word */}
      <flask-stream src="/answer" append={many} />
      {/* @ts-expect-error no such attribute */}
      <flask-stream source="/answer" />
      {/* @ts-expect-error it is there, or is not */}
      <flask-chat action="/chat" smooth="off" />
      {/* @ts-expect-error another element's */}
      <flask-stream ref={chat} />
    </>
  );
}
