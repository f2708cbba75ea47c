import { agentJsonSchema, type SchemaNode, typeOf, variantsOf } from "./json-schema.ts";
import { markdownTable } from "./markdown-table.ts";

/** One option as the documentation shows it. */
export interface OptionRow {
  /** `directories[].bind.dn` */
  readonly path: string;
  readonly type: string;
  /** As it would be written; `required`, or empty when it may be left out and nothing stands for it. */
  readonly fallback: string;
  readonly description: string;
}

/** Every option of a file, in the order of its schema. */
export function optionRows(node: SchemaNode = agentJsonSchema()): readonly OptionRow[] {
  return rowsOf(node, "");
}

/** The options as a Markdown table. */
export function optionTable(node: SchemaNode): string {
  const rows = optionRows(node).map(({ path, type, fallback, description }) => {
    return [`\`${path}\``, type, fallback, description];
  });
  return markdownTable(["Option", "Type", "Default", "What it is"], rows);
}

function rowsOf(node: SchemaNode, path: string): readonly OptionRow[] {
  const variants = variantsOf(node);
  const names = new Set(variants.flatMap(({ properties }) => Object.keys(properties ?? {})));
  return Array.from(names).flatMap((name) => {
    const holders = variants.filter(({ properties }) => properties?.[name] !== undefined);
    const options = holders.map(({ properties }) => properties?.[name] ?? {});
    const [option = {}] = options;
    const at = path === "" ? name : `${path}.${name}`;
    const row = {
      path: at,
      type: Array.from(new Set(options.map(typeOf))).join(", "),
      fallback: fallbackOf(name, option, holders, variants),
      description: options.find(({ description }) => description)?.description ?? "",
    };
    const items = option.items;
    return [row, ...(items === undefined ? rowsOf(option, at) : rowsOf(items, `${at}[]`))];
  });
}

function fallbackOf(
  name: string,
  option: SchemaNode,
  holders: readonly SchemaNode[],
  variants: readonly SchemaNode[],
): string {
  if (variantsOf(option).length > 0 && option.default !== undefined) return "";
  if (option.default !== undefined) return `\`${JSON.stringify(option.default)}\``;
  if (!holders.some(({ required }) => required?.includes(name))) return "";
  if (holders.length === variants.length) return "required";
  return `required with ${holders.map(kindOf).join(", ")}`;
}

/** The values that make a section this variant: those of its first choice. */
function kindOf({ properties }: SchemaNode): string {
  const kind = Object.values(properties ?? {}).find((option) => option.enum !== undefined);
  return (kind?.enum ?? []).map((value) => `\`${String(value)}\``).join(", ");
}
