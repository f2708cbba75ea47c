import { DATE_FUNCTIONS } from "./date-functions.ts";
import { EvaluationError, type ExpressionFunction, type Parameter } from "./evaluation.ts";
import { LIST_FUNCTIONS } from "./list-functions.ts";
import { LOGIC_FUNCTIONS } from "./logic-functions.ts";
import { RANDOM_FUNCTIONS } from "./random-functions.ts";
import { REPLACE_FUNCTION } from "./replace-function.ts";
import { TEXT_FUNCTIONS } from "./text-functions.ts";

const DEFAULT_DOMAIN: ExpressionFunction = {
  name: "DefaultDomain",
  parameters: [],
  gives: "the default domain of the tenant, a setting of the job",
  example: 'Join("@", [mailNickname], DefaultDomain())',
  evaluate: (_, { variable }) => {
    const domain = variable("DefaultDomain");
    if (domain === undefined) throw new EvaluationError("the variable DefaultDomain has no value");
    return domain;
  },
};

/** Every function of the language, in alphabetical order. */
export const EXPRESSION_FUNCTIONS: readonly ExpressionFunction[] = [
  ...DATE_FUNCTIONS,
  ...LIST_FUNCTIONS,
  ...LOGIC_FUNCTIONS,
  ...RANDOM_FUNCTIONS,
  ...TEXT_FUNCTIONS,
  DEFAULT_DOMAIN,
  REPLACE_FUNCTION,
].sort((a, b) => a.name.localeCompare(b.name, "en"));

const BY_NAME = new Map(EXPRESSION_FUNCTIONS.map((one) => [one.name.toLowerCase(), one]));

/** Letter case is of no matter: Microsoft itself publishes `Instr`. */
export function findFunction(name: string): ExpressionFunction | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/** `Replace(source, [oldValue], …)`; what repeats is shown once, with dots. */
export function printSignature({ name, parameters, repeats = [] }: ExpressionFunction): string {
  const print = ({ name: one, required }: Parameter) => (required ? one : `[${one}]`);
  const all = [...parameters, ...repeats].map(print);
  return `${name}(${[...all, ...(repeats.length > 0 ? ["…"] : [])].join(", ")})`;
}
