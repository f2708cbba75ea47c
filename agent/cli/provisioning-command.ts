import type { Command } from "commander";
import { addProvisioningLogCommand } from "./provisioning-log-command.ts";
import { addProvisioningOperatorCommands } from "./provisioning-operator-command.ts";
import { addProvisioningRunCommands } from "./provisioning-run-command.ts";

export function addProvisioningCommand(program: Command): void {
  const provisioning = program
    .command("provisioning")
    .description("the cloud side: jobs that bring what the agents report into SCIM apps");
  addProvisioningRunCommands(provisioning);
  addProvisioningOperatorCommands(provisioning);
  addProvisioningLogCommand(provisioning);
}
