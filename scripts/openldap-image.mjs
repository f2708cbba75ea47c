// Builds the container image of the tests' OpenLDAP and prints its name: node scripts/openldap-image.mjs
//
// Two ways lead to the same content. Where images can be pulled, Debian's own slim image gets the packages. Where no
// image registry is reachable, a root file system is made from the packages of this machine's apt sources and imported.
// The name carries a digest of what goes in, so that an image is built once.

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { output, run, succeeds } from "./command.mjs";

const SUITE = "bookworm";
const PACKAGES = ["slapd", "ldap-utils"];

/** A registry that is not reachable shows it at once or never. */
const PULL_TIMEOUT_MS = 60_000;
const BUILD_TIMEOUT_MS = 300_000;

const DOCKERFILE = `FROM debian:${SUITE}-slim
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${PACKAGES.join(" ")} \\
 && rm -rf /var/lib/apt/lists/*
`;

const digest = createHash("sha256").update(DOCKERFILE).digest("hex").slice(0, 12);
const IMAGE = `hybrid-sync-agent/openldap:${digest}`;

/**
 * Makes sure that the image is there.
 * @returns its name
 * @throws Error when it can be built in neither way
 */
export async function ensureOpenLdapImage(env = process.env) {
  if (await succeeds("docker", ["image", "inspect", IMAGE], { env })) {
    console.log(`image ${IMAGE} is there`);
    return IMAGE;
  }
  const started = Date.now();
  if (await pulled(env)) {
    console.log(`building ${IMAGE} from debian:${SUITE}-slim`);
    const options = { env, input: DOCKERFILE, timeoutMs: BUILD_TIMEOUT_MS };
    if (await succeeds("docker", ["build", "--tag", IMAGE, "-"], options)) return built(started);
    console.log("that failed: the container reaches no Debian packages");
  }
  await importPackages(env);
  return built(started);
}

function built(started) {
  console.log(`built ${IMAGE} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return IMAGE;
}

async function pulled(env) {
  console.log(`pulling debian:${SUITE}-slim`);
  const options = { env, timeoutMs: PULL_TIMEOUT_MS };
  if (await succeeds("docker", ["pull", "--quiet", `debian:${SUITE}-slim`], options)) return true;
  console.log("no image registry is reachable");
  return false;
}

async function importPackages(env) {
  if (!(await succeeds("mmdebstrap", ["--version"]))) {
    throw new Error(
      "cannot build the OpenLDAP image: mmdebstrap is not installed (apt-get install -y mmdebstrap)",
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "openldap-image-"));
  try {
    const tar = join(folder, "rootfs.tar");
    console.log(`building ${IMAGE} from the Debian packages ${PACKAGES.join(", ")} (about 30 s)`);
    const include = `--include=${PACKAGES.join(",")}`;
    const mode = process.getuid?.() === 0 ? "root" : "unshare";
    const options = { quiet: true, timeoutMs: BUILD_TIMEOUT_MS };
    await run("mmdebstrap", [`--mode=${mode}`, "--variant=minbase", include, SUITE, tar], options);
    await run("docker", ["import", tar, IMAGE], { ...options, env });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    if (!(await output("docker", ["info"]))) throw new Error("no container engine answers");
    await ensureOpenLdapImage();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
