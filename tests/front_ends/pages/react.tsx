/** A page around what the documentation shows; a test changes its state by `set`. */

import { StrictMode, useCallback, useState } from "react";
import { createRoot } from "react-dom/client";

import { Chat, type Turn } from "./Chat";
import { Form, Summary } from "./Others";

function Page({ turns }: { turns: Turn[] }) {
  const [state, setState] = useState({ chat: true, others: false, conversation: "1", turns, renders: 0 });
  const [heard, setHeard] = useState("");
  const hear = useCallback(({ type }: CustomEvent) => setHeard((before) => `${before} ${type}`), []);
  Object.assign(window, { set: (change: object) => setState((before) => ({ ...before, ...change })) });
  return (
    <main>
      <p id="renders">{state.renders}</p>
      <p id="heard">{heard}</p>
      {state.chat && <Chat key={state.conversation} id={state.conversation} turns={state.turns} onEvent={hear} />}
      {state.others && <><Form /> <Summary /></>}
    </main>
  );
}

const turns = await (await fetch("/turns")).json();
createRoot(document.getElementById("root")!).render(<StrictMode><Page turns={turns} /></StrictMode>);
