/** Does not compile when the types that are written by hand say something else than the sources do. */

import type * as declared from "flask-stream";
import type * as declaredChat from "flask-stream/chat";
import type * as declaredMarkdown from "flask-stream/markdown";

import type * as chat from "../src/chat.js";
import type * as connect from "../src/connect.js";
import type * as element from "../src/element.js";
import type * as errors from "../src/errors.js";
import type * as index from "../src/index.js";
import type * as markdown from "../src/markdown.js";
import type * as parse from "../src/parse.js";
import type * as text from "../src/text.js";

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** Whether the first can be had where the second is expected. */
type Fits<A, B> = A extends B ? true : false;
/** Each line that does not compile is a difference. */
function holds<_Claim extends true>() {}

/** What the browser calls. */
type Callbacks = "connectedCallback" | "disconnectedCallback" | "attributeChangedCallback";
type OwnMembers<T> = Exclude<keyof T, keyof HTMLElement | Callbacks>;

/** The sources know no event's data: they pass it on. */
type SourcesRun = Omit<connect.Run, typeof Symbol.asyncIterator>;
type DeclaredRun = Omit<declared.Run, typeof Symbol.asyncIterator>;
type SourcesElement = index.FlaskStreamElement;
type DeclaredElement = declared.FlaskStreamElement;

/** What the chat's own files use of it, and pages may not. */
type Own = "prepare" | "say" | "submission";
holds<Same<Exclude<keyof typeof index, Own>, keyof typeof declared>>();
holds<Same<keyof typeof markdown, keyof typeof declaredMarkdown>>();

holds<Same<Parameters<typeof index.stream>[0], Parameters<typeof declared.stream>[0]>>();
holds<Same<keyof connect.StreamOptions, keyof declared.StreamOptions>>();
holds<Fits<declared.StreamOptions, connect.StreamOptions>>();
holds<Same<declared.State, connect.State>>();
holds<Same<keyof SourcesRun, keyof DeclaredRun>>();
holds<Fits<SourcesRun, DeclaredRun>>();
holds<Fits<declared.StreamEvent, connect.StreamEvent>>();
holds<Same<keyof connect.StreamEvent, keyof declared.StreamEvent>>();
holds<Same<keyof errors.StreamError, keyof declared.StreamError>>();
holds<Same<Omit<errors.StreamError, "name">, Omit<declared.StreamError, "name">>>();

holds<Same<typeof index.parse, typeof declared.parse>>();
holds<Same<parse.ParsedEvent, declared.ParsedEvent>>();
holds<Same<keyof parse.ParseOptions, keyof declared.ParseOptions>>();

holds<Same<OwnMembers<SourcesElement>, OwnMembers<DeclaredElement>>>();
holds<Same<keyof element.ElementOptions, keyof declared.ElementOptions>>();
holds<Fits<declared.ElementOptions, element.ElementOptions>>();
holds<Same<Parameters<SourcesElement["start"]>["length"], Parameters<DeclaredElement["start"]>["length"]>>();
holds<Same<Parameters<SourcesElement["start"]>[0], Parameters<DeclaredElement["start"]>[0]>>();
holds<Same<Parameters<SourcesElement["retry"]>, Parameters<DeclaredElement["retry"]>>>();
holds<Same<ReturnType<SourcesElement["retry"]>, ReturnType<DeclaredElement["retry"]>>>();

holds<Same<text.MakeRenderer, declared.MakeRenderer>>();
holds<Same<keyof text.Renderer, keyof declared.Renderer>>();
holds<Same<typeof markdown.markdown, typeof declaredMarkdown.markdown>>();
holds<Same<keyof markdown.MarkdownOptions, keyof declaredMarkdown.MarkdownOptions>>();
holds<Same<Required<markdown.MarkdownOptions>, Required<declaredMarkdown.MarkdownOptions>>>();

holds<Same<keyof typeof chat, keyof typeof declaredChat>>();
holds<Same<OwnMembers<chat.FlaskChatElement>, OwnMembers<declaredChat.FlaskChatElement>>>();
holds<Same<chat.FlaskChatElement["ask"], declaredChat.FlaskChatElement["ask"]>>();
