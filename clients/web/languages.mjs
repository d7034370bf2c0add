/**
 * What the files of languages have to say: every message of the rooms that they know, and every
 * sentence of the server, with the same values in it. `node languages.mjs` checks them,
 * `node languages.mjs CODE` writes the files of a new language, in English, for a translator to begin
 * with, or adds to those that are there what they lack.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";

const SOURCES = join(import.meta.dirname, "src");
const FILES = join(SOURCES, "i18n/languages");
const SENTENCES = join(SOURCES, "i18n/sentences");

/** What the server says with a code, written from its source. */
const SAID = JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/sentences.json"), "utf8"));

/** The room of lessons: much text that few read; a file may leave it out as a whole. */
const OPTIONAL = ["anatomy"];

/** Each message by room and name: as a template, with how many values it takes. */
function english() {
  const rooms = {};
  for (const file of sources(SOURCES)) {
    const text = readFileSync(file, "utf8");
    if (!text.includes(" words(\"")) continue;
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const visit = (node) => {
      if (ts.isCallExpression(node) && node.expression.getText() === "words" && ts.isStringLiteral(node.arguments[0])) {
        const [room, all] = node.arguments;
        const en = all.properties.find((each) => each.name.getText() === "en");
        const messages = en.initializer.properties.map((each) => [each.name.text, templateOf(each.initializer)]);
        if (rooms[room.text]) throw new Error(`two rooms are called ${room.text}: ${relative(SOURCES, file)}`);
        rooms[room.text] = Object.fromEntries(messages);
      }
      ts.forEachChild(node, visit);
    };
    visit(tree);
  }
  return rooms;
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((each) => each.isFile() && /\.tsx?$/.test(each.name) && each.name !== "schema.ts")
    .map((each) => join(each.parentPath, each.name))
    .sort();
}

/** A message in the source as a template: `(n) => `${n} steps`` is `{0} steps`. */
function templateOf(node) {
  if (!ts.isArrowFunction(node)) return evaluated(node);
  const names = node.parameters.map((each) => each.name.getText());
  let body = node.body;
  while (ts.isParenthesizedExpression(body)) body = body.expression;
  // Of a plural: the text for many.
  while (ts.isConditionalExpression(body)) {
    const both = [body.whenTrue, body.whenFalse];
    body = both.find((each) => ts.isTemplateExpression(each)) ?? body.whenFalse;
  }
  if (!ts.isTemplateExpression(body)) return evaluated(body);
  return body.templateSpans.reduce((text, { expression, literal }) => {
    const number = ts.isCallExpression(expression) && expression.expression.getText() === "number";
    const name = number ? expression.arguments[0].getText() : expression.getText();
    const at = names.indexOf(name);
    if (at < 0) throw new Error(`no value is called ${name} in ${node.getText()}`);
    return `${text}{${at}${number ? ":n" : ""}}${literal.text}`;
  }, body.head.text);
}

/** A text, which may be put together of several. */
function evaluated(node) {
  if (ts.isBinaryExpression(node)) return evaluated(node.left) + evaluated(node.right);
  return node.text;
}

/** The places of a template, in order: `{0}{1}`; how a number is written is the translator's. */
function places(text) {
  return [...new Set([...text.matchAll(/\{(\d)(?::n)?\}/g)].map((each) => each[1]))].sort().join();
}

/**
 * The numbers from 0 on that decide how many texts a plural needs: French has one more for millions,
 * of which nothing here is counted.
 */
const COUNTED = Array.from({ length: 1001 }, (_, count) => count);

/** What is wrong with the plurals of a message: one that its language has not, or lacks for some number. */
function* pluralFaults(code, name, plurals) {
  if (typeof plurals !== "object") return;
  const rules = new Intl.PluralRules(code);
  const known = rules.resolvedOptions().pluralCategories;
  for (const each of Object.keys(plurals)) if (!known.includes(each)) yield `${name}: ${code} has no plural "${each}"`;
  for (const each of new Set(COUNTED.map((count) => rules.select(count)))) {
    if (!(each in plurals)) yield `${name} has no "${each}", which ${code} says with ${COUNTED.find((count) => rules.select(count) === each)}`;
  }
}

function* faults(code, messages, wanted) {
  for (const room of Object.keys(messages)) if (!wanted[room]) yield `${room}: there is no such room`;
  for (const [room, all] of Object.entries(wanted)) {
    const has = messages[room];
    if (!has && OPTIONAL.includes(room)) continue;
    for (const key of Object.keys(has ?? {})) if (!(key in all)) yield `${room}.${key}: there is no such message`;
    for (const [key, text] of Object.entries(all)) {
      const own = has?.[key];
      if (own === undefined) yield `${room}.${key} is missing: ${JSON.stringify(text)}`;
      else if (typeof own === "object" && !("other" in own)) yield `${room}.${key} has no "other"`;
      else {
        for (const each of typeof own === "object" ? [own.other] : [own]) {
          if (places(each) !== places(text)) yield `${room}.${key} has other values than ${JSON.stringify(text)}`;
        }
        yield* pluralFaults(code, `${room}.${key}`, own);
      }
    }
  }
}

function* sentenceFaults(code, { sentences }) {
  for (const each of Object.keys(sentences)) if (!SAID[each]) yield `${each}: the server has no such sentence`;
  for (const [each, { text, values }] of Object.entries(SAID)) {
    const own = sentences[each];
    // In English the server says by itself what is not said better here.
    if (own === undefined && code !== "en") yield `${each} is missing: ${JSON.stringify(text)}`;
    yield* pluralFaults(code, each, own);
    for (const form of typeof own === "object" ? Object.values(own) : [own ?? ""]) {
      for (const [, name] of form.matchAll(/\{(\w+)/g)) {
        if (!values.includes(name)) yield `${each} has no value ${name}; it has ${values.join(", ") || "none"}`;
      }
    }
  }
}

function write(path, content) {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  console.log(`${path}: translate what is in English, then \`npm run check\``);
}

const wanted = english();
const [code] = process.argv.slice(2);
if (code) {
  const path = join(FILES, `${new Intl.Locale(code)}.json`);
  const had = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { machine: false, messages: {} };
  const messages = {};
  for (const [room, all] of Object.entries(wanted)) {
    messages[room] = Object.fromEntries(Object.entries(all).map(([key, text]) => [key, had.messages[room]?.[key] ?? text]));
  }
  write(path, { ...had, messages });
  const said = join(SENTENCES, `${new Intl.Locale(code)}.json`);
  const { words, sentences } = existsSync(said) ? JSON.parse(readFileSync(said, "utf8")) : { words: {}, sentences: {} };
  write(said, {
    words,
    sentences: Object.fromEntries(Object.entries(SAID).map(([key, { text }]) => [key, sentences[key] ?? text])),
  });
} else {
  let wrong = 0;
  for (const name of readdirSync(FILES)) {
    for (const fault of faults(name.replace(".json", ""), JSON.parse(readFileSync(join(FILES, name), "utf8")).messages, wanted)) {
      console.error(`${name}: ${fault}`);
      wrong++;
    }
  }
  for (const name of new Set([...readdirSync(FILES), ...readdirSync(SENTENCES)])) {
    const path = join(SENTENCES, name);
    const said = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { sentences: {} };
    for (const fault of sentenceFaults(name.replace(".json", ""), said)) {
      console.error(`sentences/${name}: ${fault}`);
      wrong++;
    }
  }
  if (wrong) process.exit(1);
}
