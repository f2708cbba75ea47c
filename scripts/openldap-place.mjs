// Where the tests' OpenLDAP runs: in a container when a container engine answers, else as a process of this machine.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { output, run, succeeds } from "./command.mjs";
import { ensurePrograms } from "./debian.mjs";
import { ensureOpenLdapImage } from "./openldap-image.mjs";

/** An engine that takes longer to answer is not there. */
const ENGINE_TIMEOUT_MS = 20_000;
const REMOVE_TIMEOUT_MS = 60_000;

/** Containers of a run carry it; test/support/openldap-container.ts sets it. */
const RUN_LABEL = "hybrid-sync-agent.run";

/**
 * Chooses the place and makes it ready.
 * @returns `name` for the person who reads it and `env` for the suites
 */
export async function chooseOpenLdapPlace() {
  const engine = await containerEngine();
  if (engine !== undefined) {
    try {
      const image = await ensureOpenLdapImage({ ...process.env, ...engine });
      await ensurePrograms(["ldapsearch", "openssl"]);
      return {
        name: `a container (${image})`,
        env: { ...engine, OPENLDAP_RUNS_IN: "container", OPENLDAP_IMAGE: image },
      };
    } catch (error) {
      console.log(`a container engine answers, but there is no image: ${error.message}`);
    }
  }
  const ready = await ensurePrograms(["slapd", "ldapsearch", "openssl"]);
  if (!ready) console.log("the suites that need OpenLDAP will fail");
  return {
    name: ready ? "a native process (slapd)" : "nothing (slapd is not installed)",
    env: { OPENLDAP_RUNS_IN: "native" },
  };
}

/** Removes containers that a run left behind. */
export async function removeContainers(place, runId) {
  if (place.env.OPENLDAP_RUNS_IN !== "container") return;
  const options = { env: { ...process.env, ...place.env }, timeoutMs: REMOVE_TIMEOUT_MS };
  const filter = ["--filter", `label=${RUN_LABEL}=${runId}`];
  const ids = (await output("docker", ["ps", "--all", "--quiet", ...filter], options)) ?? "";
  const left = ids.split("\n").filter((id) => id !== "");
  if (left.length > 0) {
    await run("docker", ["rm", "--force", "--volumes", ...left], { ...options, quiet: true });
  }
}

/** How the engine is reached, as environment variables; undefined when none answers. */
async function containerEngine() {
  if (!(await succeeds("docker", ["info"], { timeoutMs: ENGINE_TIMEOUT_MS }))) return undefined;
  // testcontainers does not read the context that the docker command may have been switched to.
  const endpoint = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"];
  const host = process.env.DOCKER_HOST ?? (await output("docker", endpoint))?.trim();
  return {
    ...(host ? { DOCKER_HOST: host } : {}),
    ...((await sharesNetwork()) ? { TESTCONTAINERS_HOST_OVERRIDE: "127.0.0.1" } : {}),
    // The reaper is an image of its own, which cannot be pulled everywhere; scripts/test.mjs cleans up instead.
    TESTCONTAINERS_RYUK_DISABLED: process.env.TESTCONTAINERS_RYUK_DISABLED ?? "true",
  };
}

/**
 * Whether published ports appear on our own loopback interface although this machine is a container itself. There
 * testcontainers takes the engine for that of the host outside, and looks for the ports on the bridge's gateway.
 */
async function sharesNetwork() {
  if (process.env.TESTCONTAINERS_HOST_OVERRIDE !== undefined) return false;
  const name = '{{index .Options "com.docker.network.bridge.name"}}';
  const bridge = await output("docker", ["network", "inspect", "bridge", "--format", name]);
  return !!bridge?.trim() && existsSync(join("/sys/class/net", bridge.trim()));
}
