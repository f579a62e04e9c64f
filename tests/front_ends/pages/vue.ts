/** A page around what the documentation shows; a test changes its state by `set`. */

import { createApp } from "vue";

import Page from "./Page.vue";

createApp(Page, { turns: await (await fetch("/turns")).json() }).mount("#root");
