import js from "@eslint/js";

export default [
  { ignores: ["dist/", "node_modules/"] },
  js.configs.recommended,
  {
    // Unknown names are the type checker's to find: it knows the browser's and Node's.
    rules: { "no-undef": "off", eqeqeq: "error", "prefer-const": "error", "no-var": "error" },
  },
];
