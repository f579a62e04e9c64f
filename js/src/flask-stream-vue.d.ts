/** The elements for Vue's templates and its JSX: `/// <reference types="flask-stream/types/vue" />`, once. */

import type { EmitFn, HTMLAttributes, PublicProps } from "vue";

import type { FlaskStreamAttributes, FlaskStreamElement } from "./flask-stream.js";
import type { FlaskChatAttributes, FlaskChatElement } from "./flask-stream-chat.js";

type StreamEvents = {
  [Type in Extract<keyof GlobalEventHandlersEventMap, `stream:${string}`>]: (
    event: GlobalEventHandlersEventMap[Type],
  ) => void;
};
type Listeners = { [Type in keyof StreamEvents as `on${Capitalize<Type>}`]?: StreamEvents[Type] };

/** As Vue's guide declares elements that are not Vue's. */
type Declared<T extends HTMLElement, Attributes> = new () => T & {
  /** @deprecated For templates alone. */
  $props: HTMLAttributes & Attributes & PublicProps;
  /** @deprecated For templates alone. */
  $emit: EmitFn<StreamEvents>;
};

declare module "vue" {
  interface GlobalComponents {
    "flask-stream": Declared<FlaskStreamElement, FlaskStreamAttributes>;
    "flask-chat": Declared<FlaskChatElement, FlaskChatAttributes>;
  }

  /** For JSX. */
  interface IntrinsicElementAttributes {
    "flask-stream": HTMLAttributes & FlaskStreamAttributes & Listeners;
    "flask-chat": HTMLAttributes & FlaskChatAttributes & Listeners;
  }
}
