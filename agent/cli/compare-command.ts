import { AgentError } from "../core/error.ts";
import { chooseDirectoryConfig, interruptSignal, readConfig, withDirectory } from "./context.ts";
import { createDifferencePrinter } from "./difference-printer.ts";
import { keptPreviewPath } from "./kept-preview.ts";
import { compareConfigurations, compareWithKept } from "./preview-difference.ts";
import { formatOf, type PreviewFlags, typesOf } from "./preview-flags.ts";

/**
 * Compares with the preview that is kept.
 * @returns the number of differences
 */
export async function previewAgain(
  configPath: string | undefined,
  flags: PreviewFlags,
): Promise<number> {
  const { path, config, fingerprint } = await readConfig(configPath);
  const at = new Date().toISOString();
  return withDirectory(config, flags.directory, (served) => {
    const usual = keptPreviewPath(path, served.directory.name);
    const from = typeof flags.diff === "string" ? flags.diff : usual;
    // Without a file of its own, it means the one that is compared with.
    const saveTo = flags.save === true ? from : flags.save;
    const options = {
      ...{ served, resourceTypes: typesOf(flags), configuration: fingerprint, at },
      ...{ printer: createDifferencePrinter(formatOf(flags), flags), path: from, saveTo },
    };
    return compareWithKept(options, interruptSignal());
  });
}

/**
 * Compares what two configurations make of the directory of the first.
 * @returns the number of differences
 */
export async function previewBoth(
  beforePath: string,
  afterPath: string,
  flags: PreviewFlags,
): Promise<number> {
  const before = await readConfig(beforePath);
  const after = await readConfig(afterPath);
  const directory = chooseDirectoryConfig(before.config, flags.directory);
  const [, ...others] = after.config.directories;
  const other = chooseDirectoryConfig(
    after.config,
    flags.directory ?? (others.length === 0 ? undefined : directory.name),
  );
  if (other.kind !== directory.kind) {
    throw new AgentError("usage", "the two configurations are about different kinds of directory", {
      hint: `${directory.name} is ${directory.kind}, ${other.name} is ${other.kind}`,
    });
  }
  const { name, baseDn, scope, mapping } = other;
  const switched = {
    ...after.config,
    directories: [{ ...directory, name, baseDn, scope, mapping }],
  };
  const options = {
    resourceTypes: typesOf(flags),
    printer: createDifferencePrinter(formatOf(flags), flags),
  };
  const signal = interruptSignal();
  return withDirectory(before.config, directory.name, (servedBefore) =>
    withDirectory(switched, name, (servedAfter) =>
      compareConfigurations(
        { path: before.path, fingerprint: before.fingerprint, served: servedBefore },
        { path: after.path, fingerprint: after.fingerprint, served: servedAfter },
        options,
        signal,
      ),
    ),
  );
}
