/** The types of flask-stream-words-de.js and its like: what the client says in a language, by the English texts. */

declare const words: Record<string, string>;
export default words;
