/** What is loaded by the first chat that needs it: to copy, files that go with a question, its editor, ratings, a title. */
export const more = () => import("../chat-more.js").catch(reportError);
