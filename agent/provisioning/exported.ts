import { fingerprintOf } from "../core/fingerprint.ts";
import type { Shadow } from "../core/provisioning/shadow.ts";
import { isObject } from "../core/scim/resource.ts";

type Json = Readonly<Record<string, unknown>>;

/** What a shadow remembers: references by the target's ids, beside the attributes. */
export interface Exported {
  readonly attributes: Json;
  readonly manager: string | undefined;
  readonly members: readonly string[];
}

export function exportedOf({ exported }: Shadow): Exported {
  const { attributes, manager, members } = exported;
  return {
    attributes: isObject(attributes) ? attributes : {},
    manager: typeof manager === "string" ? manager : undefined,
    members: Array.isArray(members) ? members.filter((id) => typeof id === "string") : [],
  };
}

/** The shadow after something else was exported. */
export function withExported(shadow: Shadow, change: Partial<Exported>): Shadow {
  const { attributes, manager, members } = { ...exportedOf(shadow), ...change };
  const exported = {
    attributes,
    ...(manager === undefined ? {} : { manager }),
    ...(members.length === 0 ? {} : { members }),
  };
  return { ...shadow, exported, fingerprint: fingerprintOf(attributes) };
}
