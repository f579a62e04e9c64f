/** A page that a server has rendered; `markup` is what it has sent. */

import { createSSRApp } from "vue";
import { renderToString } from "vue/server-renderer";

import Page from "./Hydrated.vue";

export const markup = () => renderToString(createSSRApp(Page));

if (globalThis.document) createSSRApp(Page).mount("#root");
