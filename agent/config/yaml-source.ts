import {
  type Document,
  type ErrorCode,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";
import { AgentError, type ErrorCode as AgentErrorCode } from "../core/error.ts";
import type { Path } from "./problem.ts";

/** A YAML file as plain values that remember their lines. */
export interface YamlSource {
  readonly value: unknown;
  /** Line of the option, from 1, or of the section that should hold it; undefined at the top. */
  lineOf(path: Path): number | undefined;
}

interface YamlOptions {
  readonly code: AgentErrorCode & ("config.invalid" | "mapping.invalid");
  /** As messages name it. */
  readonly file: string;
}

/** Syntax errors tend to come in avalanches. */
const MAX_SYNTAX_ERRORS = 10;

/** The agent's own file needs 8 levels. */
const MAX_DEPTH = 64;

/**
 * The parser's own messages quote the text around the error, which may be a secret that was written by mistake. These
 * never do.
 */
const SYNTAX_MESSAGES: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*name) has neither tag nor anchor",
  BAD_ALIAS: "a value that starts with * or & is an alias or an anchor, expected it in quotes",
  BAD_COLLECTION_TYPE: "the tag does not fit what follows it",
  BAD_DIRECTIVE: "a line that starts with % is a directive, which this file has no use for",
  BAD_DQ_ESCAPE: "unknown escape after a backslash, expected single quotes or a doubled backslash",
  BAD_INDENT: "the indentation fits nothing above it",
  BAD_PROP_ORDER: "anchors and tags come after the indicator",
  BAD_SCALAR_START: "a value cannot start with this character, expected it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "two options on one line, or a value with a colon that needs quotes",
  BLOCK_IN_FLOW: "indented lines cannot stand within { } or [ ]",
  DUPLICATE_KEY: "the option is given twice, expected it once",
  IMPOSSIBLE: "this cannot be read as YAML",
  KEY_OVER_1024_CHARS: "the name of the option is too long",
  MISSING_CHAR: "a colon, comma, space, bracket or closing quote is missing",
  MULTILINE_IMPLICIT_KEY: "the name of an option ends on another line, or its colon is missing",
  MULTIPLE_ANCHORS: "a value has one anchor at most",
  MULTIPLE_DOCS: "a second document starts here (---), expected one",
  MULTIPLE_TAGS: "a value has one tag at most",
  NON_STRING_KEY: "the name of an option is text",
  RESOURCE_EXHAUSTION: "sections are nested too deeply",
  TAB_AS_INDENT: "a tab indents this line, expected spaces",
  TAG_RESOLVE_FAILED: "a value that starts with ! is a tag, expected it in quotes",
  UNEXPECTED_TOKEN: "this is not expected here, perhaps a value needs quotes",
};

/**
 * Reads YAML 1.2 with one document, unique keys and no tags.
 * @throws AgentError with the given code and line and column of each syntax error
 */
export function parseYaml(text: string, { code, file }: YamlOptions): YamlSource {
  const lines = new LineCounter();
  const refuse = (errors: readonly { readonly offset: number; readonly text: string }[]) => {
    const places = errors.slice(0, MAX_SYNTAX_ERRORS).map((error) => {
      const { line, col } = lines.linePos(error.offset);
      return `  line ${line}, column ${col}: ${error.text}`;
    });
    return new AgentError(code, `${file} is not valid YAML:\n${places.join("\n")}`, {
      hint: "values that hold any of * & ! % @ ` { } [ ] # : need quotes",
    });
  };
  if (nestsTooDeeply(text)) {
    throw new AgentError(code, `${file} is not valid YAML: ${SYNTAX_MESSAGES.RESOURCE_EXHAUSTION}`);
  }
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    logLevel: "error",
  });
  const errors = [...document.errors, ...document.warnings].map(syntaxError);
  if (errors.length > 0) throw refuse(errors);
  const unresolved = unresolvedAliases(document);
  if (unresolved.length > 0) {
    throw refuse(unresolved.map((offset) => ({ offset, text: SYNTAX_MESSAGES.BAD_ALIAS })));
  }
  return {
    value: plainOf(document, { code, file }),
    lineOf: (path) => locate(document, path, lines),
  };
}

function syntaxError(error: YAMLError): { offset: number; text: string } {
  return { offset: error.pos[0], text: SYNTAX_MESSAGES[error.code] };
}

/**
 * An upper bound, taken before the parser sees the text: it recurses, and what is nested by the thousand ends the
 * whole process. A level costs a bracket, a deeper column or an indicator within the line.
 */
function nestsTooDeeply(text: string): boolean {
  let brackets = 0;
  for (const c of text) {
    if (c === "[" || c === "{") brackets++;
    else if (c === "]" || c === "}") brackets = Math.max(0, brackets - 1);
    if (brackets > MAX_DEPTH) return true;
  }
  const columns: number[] = [];
  for (const line of text.split("\n")) {
    const column = line.search(/[^ ]/);
    if (column < 0) continue;
    while ((columns.at(-1) ?? -1) >= column) columns.pop();
    columns.push(column);
    if (columns.length + countIndicators(line) > MAX_DEPTH) return true;
  }
  return false;
}

/** Dashes, question marks and colons that may begin a level within the line. */
function countIndicators(line: string): number {
  return line.match(/[-?:](?=\s)/g)?.length ?? 0;
}

function unresolvedAliases(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias(_key, alias) {
      if (alias.resolve(document) === undefined) offsets.push(alias.range?.[0] ?? 0);
    },
  });
  return offsets;
}

function plainOf(document: Document, { code, file }: YamlOptions): unknown {
  try {
    return document.toJS();
  } catch (cause) {
    // Aliases that multiply themselves; the parser counts them.
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new AgentError(code, `${file} repeats itself too often through aliases (*name)`);
  }
}

function locate(document: Document, path: Path, lines: LineCounter): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === segment);
      if (pair === undefined) break;
      offset = isNode(pair.key) ? pair.key.range?.[0] : undefined;
      node = pair.value;
    } else if (isSeq(node) && typeof segment === "number") {
      node = node.items[segment];
      if (!isNode(node)) break;
      offset = node.range?.[0];
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
