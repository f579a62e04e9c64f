/** A page that a server has rendered; `markup` is what it has sent. */

import { StrictMode, useEffect } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server.browser";

function Page() {
  useEffect(() => void import("flask-stream/chat"), []);
  return (
    <flask-chat action="/chat">
      <flask-stream render="markdown" append>
        <div data-stream="output">
          <div data-turn="user">Hi</div>
          <div data-turn="">**Hello**</div>
        </div>
      </flask-stream>
    </flask-chat>
  );
}

export const markup = () => renderToString(<Page />);

if (globalThis.document) hydrateRoot(document.getElementById("root")!, <StrictMode><Page /></StrictMode>);
