import { type Command, Option } from "commander";
import { AgentError } from "../core/error.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { FoundEntry } from "../provider/find-entry.ts";
import { inspectEntry } from "../provider/inspect-entry.ts";
import { interruptSignal, readConfig, withDirectory } from "./context.ts";
import { candidatesDocument, explanationDocument } from "./explanation-document.ts";
import { printExplanation } from "./explanation-text.ts";
import { writeJson, writeLine } from "./output.ts";
import { StepProgress } from "./progress.ts";
import { printable } from "./table.ts";

interface ExplainFlags {
  readonly config?: string;
  readonly directory?: string;
  readonly type?: ResourceTypeName;
  readonly json?: boolean;
}

export function addExplainCommand(scope: Command): void {
  scope
    .command("explain")
    .description("why one entry is provisioned or not, rule by rule; changes nothing")
    .argument("<entry>", "DN, GUID, SID, account name or mail address")
    .option("-c, --config <file>", "configuration file")
    .option("-d, --directory <name>", "directory of the configuration, when it has several")
    .addOption(new Option("-t, --type <type>", "judge it as this type").choices(["User", "Group"]))
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
The entry is looked for by what the text looks like:
  DN                wherever the account may read, below the base or not
  GUID              entryUUID or objectGUID in either byte order, with or without hyphens and braces, or in base64
  SID               S-1-5-21-…
  name@domain       userPrincipalName, uid, sAMAccountName; then mail, proxyAddresses
  DOMAIN\\name       sAMAccountName; the domain is the directory's, whatever it is called here
  any other name    userPrincipalName, uid, sAMAccountName; then cn

Each rule has a mark: yes and no speak for and against the entry, - says that the rule does not count for it.
The output holds values of the entry.

Exit code: 0 explained, in scope or not · 64 several entries have the name (they are listed) · 66 none has

Examples:
  hybrid-agent scope explain ada@example.com
  hybrid-agent scope explain 'uid=ada,ou=People,dc=example,dc=com' --json
  hybrid-agent scope explain all-staff --type Group`,
    )
    .action(explain);
}

async function explain(name: string, flags: ExplainFlags): Promise<void> {
  const { config } = await readConfig(flags.config);
  const signal = interruptSignal();
  await withDirectory(config, flags.directory, async (served) => {
    const progress = new StepProgress();
    const onStep = (step: string) => progress.begin(step);
    const request = { name, resourceType: flags.type, now: Date.now(), onStep };
    const found = await inspectEntry(served, request, signal).finally(() => progress.end());
    if ("kind" in found) throw await reportOthers(found, { json: flags.json === true });
    if (flags.json === true) await writeJson(explanationDocument(found));
    else await writeLine(printExplanation(found));
  });
}

/** Lists the candidates when there are several. */
async function reportOthers(
  found: Exclude<FoundEntry, { readonly kind: "one" }>,
  { json }: { readonly json: boolean },
): Promise<AgentError> {
  if (found.kind === "none") {
    return new AgentError(
      "scope.missing",
      `there is no such entry (looked for: ${found.lookedFor})`,
      {
        hint: "is it below baseDn, and may the account read it?",
      },
    );
  }
  const { entries, more, foundBy } = found;
  if (json) await writeJson(candidatesDocument(entries, { more }));
  else await writeLine(entries.map(({ id, dn }) => `${id}  ${printable(dn)}`).join("\n"));
  const count = more ? `more than ${entries.length}` : String(entries.length);
  return new AgentError("usage", `${count} entries have this name (by ${foundBy})`, {
    hint: "name one of them by its DN or id",
  });
}
