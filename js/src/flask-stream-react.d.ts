/**
 * The elements for React's JSX, 18 and 19: `/// <reference types="flask-stream/types/react" />`, once.
 *
 * React 18's types know this namespace since 18.2.6.
 */

import type { ClassAttributes, HTMLAttributes } from "react";

import type { FlaskStreamAttributes, FlaskStreamElement } from "./flask-stream.js";
import type { FlaskChatAttributes, FlaskChatElement } from "./flask-stream-chat.js";

/** `class`: React 18 has no `className` for elements that it does not know. */
interface Common<T> extends HTMLAttributes<T>, ClassAttributes<T> {
  class?: string | undefined;
}

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "flask-stream": Common<FlaskStreamElement> & FlaskStreamAttributes;
      "flask-chat": Common<FlaskChatElement> & FlaskChatAttributes;
    }
  }
}
