import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build } from "esbuild";

import { frame, serve, streaming } from "./server.js";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const STATIC = fileURLToPath(new URL("../../flask_stream/static/", import.meta.url));

const LANGUAGES = ["ar", "de", "es", "fr", "he", "ja", "ko", "nl", "pl", "pt", "zh"];
const BUILT = [
  "flask-chat.css",
  "flask-stream-chat-more.js",
  "flask-stream-chat.d.ts",
  "flask-stream-chat.js",
  "flask-stream-markdown.LICENSE.txt",
  "flask-stream-markdown.d.ts",
  "flask-stream-markdown.js",
  "flask-stream-more.js",
  ...LANGUAGES.map((name) => `flask-stream-words-${name}.js`),
  "flask-stream-words.d.ts",
  "flask-stream.css",
  "flask-stream.d.ts",
  "flask-stream.js",
];

/** Which no Flask app serves. */
const FOR_FRONT_ENDS = ["react", "svelte", "vue"].map((name) => `flask-stream-${name}.d.ts`);

/** Gives what it printed; a command that fails, fails the test with all that it said. */
async function run(command, args, cwd) {
  const options = { cwd, maxBuffer: 1e8, timeout: 120_000 };
  return promisify(execFile)(command, args, options).then(
    ({ stdout }) => stdout,
    ({ message, stdout, stderr }) => assert.fail(`${message}\n${stdout}\n${stderr}`),
  );
}

const tool = (name, args, cwd) => run(join(ROOT, "node_modules/.bin", name), args, cwd);
const text = (...path) => readFile(join(...path), "utf8");

let folder; // a project that has installed the package
let tarball;
let packed;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "flask-stream-"));
  const json = await run("npm", ["pack", "--json", "--ignore-scripts=false", "--foreground-scripts=false", "--pack-destination", folder], ROOT);
  [packed] = JSON.parse(json);
  tarball = join(folder, packed.filename);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", tarball], folder);
});

after(() => rm(folder, { recursive: true, force: true }));

const installed = (...path) => join(folder, "node_modules/flask-stream", ...path);

describe("the npm package", () => {
  test("holds the built files, what there is to read, and nothing else", () => {
    const paths = packed.files.map(({ path }) => path).sort();
    const built = [...BUILT, ...FOR_FRONT_ENDS].map((name) => `dist/${name}`);
    assert.deepEqual(paths, ["LICENSE", "README.md", ...built, "package.json"].sort());
  });

  test("has the files of the Python package, byte by byte", async () => {
    for (const name of BUILT) assert.equal(await text(installed("dist", name)), await text(STATIC, name), name);
    assert.equal(await text(installed("LICENSE")), await text(ROOT, "../LICENSE"));
  });

  test("needs nothing of others, and has marked's licence beside what it has of marked", async () => {
    const { dependencies, peerDependencies } = JSON.parse(await text(installed("package.json")));
    assert.deepEqual({ dependencies, peerDependencies }, { dependencies: undefined, peerDependencies: undefined });
    const [notice] = (await text(installed("dist/flask-stream-markdown.js"))).split("\n");
    assert.match(notice, /^\/\*! Contains marked.* flask-stream-markdown\.LICENSE\.txt \*\/$/);
    const licence = await text(installed("dist/flask-stream-markdown.LICENSE.txt"));
    for (const words of ["MarkedJS", "Permission is hereby granted", "John Gruber"]) assert.ok(licence.includes(words));
  });

  test("has the version that the changelog and the Python package have", async () => {
    const [, newest] = /^## \[(\d[^\]]*)\]/m.exec(await text(ROOT, "../CHANGELOG.md"));
    assert.equal(packed.version, newest);
  });

  test("is as publint wants it", () => tool("publint", ["--strict", tarball], folder));

  test("resolves with its types wherever ES modules do", () =>
    // A style sheet has no types to resolve.
    tool("attw", ["--profile", "esm-only", "--exclude-entrypoints", "flask-stream.css", "flask-chat.css", "--", tarball], folder));
});

describe("where it is installed", () => {
  const STRICTEST = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  const OPTIONS = ["--noEmit", "--ignoreConfig", "--target", "es2022", "--lib", "es2022,dom,dom.asynciterable"];

  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    test(`its types hold, with moduleResolution ${resolution}`, async () => {
      await cp(join(ROOT, "test/types.test.ts"), join(folder, "use.ts"));
      const flags = ["--module", module, "--moduleResolution", resolution, "--types", ""];
      await tool("tsc", [...OPTIONS, ...STRICTEST, ...flags, "use.ts"], folder);
    });
  }

  test("what its README shows compiles", async () => {
    const readme = await text(installed("README.md"));
    const snippets = [...readme.matchAll(/^```(js|ts)\n(.*?)^```/gms)];
    assert.equal(snippets.length, 4);
    const css = 'declare module "flask-stream/flask-stream.css" {}\n'; // which bundlers bring
    await writeFile(join(folder, "css.d.ts"), css);
    const names = [];
    for (const [index, [, language, code]] of snippets.entries()) {
      names.push(`readme-${index}.${language}`);
      await writeFile(join(folder, names[index]), code);
    }
    const flags = ["--allowJs", "--checkJs", "--module", "esnext", "--moduleResolution", "bundler", "--types", ""];
    await tool("tsc", [...OPTIONS, "--strict", "--strictNullChecks", "false", ...flags, "css.d.ts", ...names], folder);
  });

  test("what the page for front ends shows compiles, with React 18's types and with 19's", async () => {
    const page = await text(ROOT, "../docs/front-ends.md");
    const [own] = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code);
    await writeFile(join(folder, "env.d.ts"), own);
    const components = [...page.matchAll(/^```tsx\n(.*?)^```/gms)].map(([, code]) => code);
    assert.equal(components.length, 2);
    for (const [index, code] of components.entries()) await writeFile(join(folder, `front-${index}.tsx`), code);
    const files = ["env.d.ts", "front-0.tsx", "front-1.tsx"];
    const flags = ["--jsx", "react-jsx", "--module", "esnext", "--moduleResolution", "bundler", "--types", ""];
    const types = join(folder, "node_modules/@types");
    await mkdir(types);
    for (const react of ["react-18", "react"]) {
      await rm(join(types, "react"), { force: true });
      await symlink(join(ROOT, "node_modules/@types", react), join(types, "react"));
      await tool("tsc", [...OPTIONS, ...STRICTEST, ...flags, ...files], folder);
    }
  });

  test("a bundler keeps the element of a bare import, and makes chunks of what is loaded later", async () => {
    const contents = 'import "flask-stream"; import "flask-stream/chat"; import "flask-stream/flask-stream.css";';
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: folder },
      bundle: true,
      splitting: true,
      format: "esm",
      outdir: join(folder, "bundle"),
      write: false,
    });
    const holding = (pattern) => outputFiles.filter((file) => pattern.test(file.text)).map(({ path }) => path);
    // What the chat's second file needs too is in a chunk, which the first one loads at once.
    const [core, ...copies] = holding(/define\("flask-stream"/);
    const [page] = outputFiles.filter(({ path }) => path === join(folder, "bundle/stdin.js"));
    assert.deepEqual(copies, []);
    assert.match(page.text, new RegExp(`from "./${basename(core)}"`));
    assert.deepEqual(holding(/define\("flask-chat"/), [join(folder, "bundle/stdin.js")]);
    assert.deepEqual(holding(/@media/), [join(folder, "bundle/stdin.css")]);
    assert.equal(holding(/flask-stream-markdown\.LICENSE\.txt/).length, 1);
    assert.ok(!holding(/flask-stream-markdown\.LICENSE\.txt/).includes(join(folder, "bundle/stdin.js")));
    for (const answer of ["Antwort wird geschrieben", "Antwoord wordt geschreven"]) {
      const [file, ...others] = holding(new RegExp(answer));
      assert.ok(file && !others.length && file !== join(folder, "bundle/stdin.js"), answer);
    }
  });

  test("can be imported in Node, which has no elements, and streams there", async (t) => {
    const { url } = await serve(t, streaming(frame("text", { text: "Hi" }), frame("done", { text_length: 2 })));
    const code = `
      const { markdown } = await import("flask-stream/markdown");
      const { FlaskStreamElement, parse, stream } = await import("flask-stream");
      const run = stream("${url}", { method: "POST", body: "q" });
      await run.done;
      const { words } = await import("flask-stream");
      const { default: german } = await import("flask-stream/words/de");
      console.log(typeof markdown, typeof parse, typeof FlaskStreamElement, run.state, run.text);
      await words(german);
      await stream("http://127.0.0.1:1/").done.catch(({ message }) => console.log(message));`;
    const said = await run(process.execPath, ["--input-type=module", "--eval", code], folder);
    assert.equal(said, "function function function done Hi\nDer Server ist nicht erreichbar.\n");
  });
});

describe("the types that are written by hand", () => {
  const interfaceOf = (types, name) => new RegExp(`interface ${name} \\{\n(.*?)\n {0,2}\\}\n`, "s").exec(types)[1];
  const fieldsOf = (body) => [...body.matchAll(/(?:^|[{;] ?|^ +)(\w+\??):/gm)].map(([, field]) => field);

  test("have the events of the project's README, with their fields", async () => {
    const types = await text(ROOT, "src/flask-stream.d.ts");
    const declared = interfaceOf(types, "StreamEvents").replaceAll(/\/\*\*.*?\*\//g, "");
    const events = Object.fromEntries(
      [...declared.matchAll(/^ {4}?(\w+): (.*);$|^ {2}(\w+): (.*);$/gm)].map((match) => {
        const [name, type] = match.slice(1).filter(Boolean);
        return [name, fieldsOf(type.startsWith("{") ? type : interfaceOf(types, type).replaceAll(/\/\*\*.*?\*\//g, ""))];
      }),
    );
    const rows = [...(await text(ROOT, "../README.md")).matchAll(/^\| (`\w+`(?: \/ `\w+`)*) \| `\{(.*?)\}`/gm)];
    const table = Object.fromEntries(rows.map(([, name, fields]) => [name.slice(1, -1), fields.split(", ")]));
    assert.deepEqual(events, table);
  });

  test("have the attributes that the elements read", async () => {
    const names = (source, pattern) => [...new Set([...source.matchAll(pattern)].map(([, name]) => name))].sort();
    const written = (types, name) => names(interfaceOf(types, name), /^ {2}"?([\w-]+)"?\?:/gm);
    const element = (await text(ROOT, "src/element.js")) + (await text(ROOT, "src/slots.js"));
    const types = await text(ROOT, "src/flask-stream.d.ts");
    const read = names(element, /(?:this|element)\.(?:get|has)Attribute\("([\w-]+)"\)/g);
    assert.deepEqual(written(types, "FlaskStreamAttributes"), read);

    const files = ["actions.js", "markup.js", "rating.js"];
    const chat = (await Promise.all(files.map((name) => text(ROOT, "src/chat", name)))).join("");
    const [, passedOn] = /OF_STREAM = \[(.*?)\]/.exec(chat);
    const chatTypes = await text(ROOT, "src/flask-stream-chat.d.ts");
    const [, picked] = /Pick<FlaskStreamAttributes, (.*?)>/.exec(chatTypes);
    const quoted = (list) => names(list, /"([\w-]+)"/g);
    assert.deepEqual(quoted(picked), quoted(passedOn));
    const own = names(chat, /chat\.(?:get|has)Attribute\("([\w-]+)"\)/g).filter((name) => !quoted(picked).includes(name));
    const declared = chatTypes.replace(/interface FlaskChatAttributes\n.*?\{\n/s, "interface FlaskChatAttributes {\n");
    assert.deepEqual(written(declared, "FlaskChatAttributes"), own);
  });

  test("have the events that the element fires", async () => {
    const names = (source) => [...new Set(source.match(/"stream:\w+"/g))].sort();
    const fired = names(await text(ROOT, "src/element.js"));
    assert.ok(fired.includes('"stream:done"'));
    assert.deepEqual(names(await text(ROOT, "src/flask-stream.d.ts")), fired);
  });
});
