import { z } from "zod";
import { type DeepReadonly, logSection } from "./agent-schema.ts";
import { requesterBusSection } from "./bus-section.ts";
import { jobSection } from "./job-section.ts";
import { EVEN_WHEN_WRONG, expected, path, refuseTwins, section, whole } from "./option.ts";
import type { SecretContext } from "./secret.ts";

const MAX_JOBS = 64;
const MAX_MIB = 1024 * 1024;

/** The one description of `provisioning.yaml`, as `createAgentSchema` is of the agent's file. */
export function createProvisioningSchema(context: SecretContext) {
  return section({
    version: z
      .literal(1, expected("1"))
      .meta({ title: "1" })
      .describe("Version of this file's format."),
    bus: requesterBusSection(context).describe(
      "Azure Service Bus: where requests to the agents go and their replies come from.",
    ),
    state: section({
      file: path(context).describe(
        "SQLite file with links, watermarks and the provisioning log. Made when it is not there.",
      ),
      maxMebibytes: whole(1, MAX_MIB)
        .optional()
        .describe("Largest size of the file in MiB. Not given: what the disk holds."),
    }).describe("What the service remembers."),
    jobs: z
      .array(jobSection(context), expected(`a list of 1 to ${MAX_JOBS} jobs`))
      .min(1)
      .max(MAX_JOBS)
      .superRefine(
        (input, issues) =>
          refuseTwins(input, issues, { keyOf: (id) => id.toLowerCase(), at: "id" }),
        EVEN_WHEN_WRONG,
      )
      .describe("Jobs, each with a source and a target."),
    log: logSection(context).prefault({}).describe("What the service writes about its work."),
  });
}

/** What the file says. Durations are milliseconds, paths absolute, defaults filled in. */
export type ProvisioningConfig = DeepReadonly<
  z.output<ReturnType<typeof createProvisioningSchema>>
>;
