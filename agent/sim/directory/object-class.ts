/** What the server checks of an object class (RFC 4519, RFC 2798, RFC 4524): its superior and the attributes that must be there. */
interface ObjectClass {
  readonly name: string;
  readonly oid: string;
  readonly superior: string | undefined;
  readonly kind: "abstract" | "structural" | "auxiliary";
  readonly must: readonly string[];
}

type Row = readonly [
  name: string,
  oid: string,
  superior: string,
  kind: ObjectClass["kind"],
  must?: string,
];

const ROWS: readonly Row[] = [
  ["top", "2.5.6.0", "", "abstract"],
  ["country", "2.5.6.2", "top", "structural", "c"],
  ["locality", "2.5.6.3", "top", "structural"],
  ["organization", "2.5.6.4", "top", "structural", "o"],
  ["organizationalUnit", "2.5.6.5", "top", "structural", "ou"],
  ["person", "2.5.6.6", "top", "structural", "sn cn"],
  ["organizationalPerson", "2.5.6.7", "person", "structural"],
  ["organizationalRole", "2.5.6.8", "top", "structural", "cn"],
  ["groupOfNames", "2.5.6.9", "top", "structural", "member cn"],
  ["groupOfUniqueNames", "2.5.6.17", "top", "structural", "uniqueMember cn"],
  ["inetOrgPerson", "2.16.840.1.113730.3.2.2", "organizationalPerson", "structural"],
  ["account", "0.9.2342.19200300.100.4.5", "top", "structural", "uid"],
  ["domain", "0.9.2342.19200300.100.4.13", "top", "structural", "dc"],
  [
    "posixAccount",
    "1.3.6.1.1.1.2.0",
    "top",
    "auxiliary",
    "cn uid uidNumber gidNumber homeDirectory",
  ],
  ["posixGroup", "1.3.6.1.1.1.2.2", "top", "structural", "cn gidNumber"],
  ["dcObject", "1.3.6.1.4.1.1466.344", "top", "auxiliary", "dc"],
  ["simpleSecurityObject", "0.9.2342.19200300.100.4.19", "top", "auxiliary", "userPassword"],
  ["extensibleObject", "1.3.6.1.4.1.1466.101.120.111", "top", "auxiliary"],
  ["user", "1.2.840.113556.1.5.9", "organizationalPerson", "structural"],
  ["group", "1.2.840.113556.1.5.8", "top", "structural"],
  ["subschema", "2.5.20.1", "top", "auxiliary"],
  ["OpenLDAProotDSE", "1.3.6.1.4.1.4203.1.4.1", "top", "structural", "cn"],
];

export const OBJECT_CLASSES: readonly ObjectClass[] = ROWS.map(
  ([name, oid, superior, kind, must]) => ({
    name,
    oid,
    superior: superior === "" ? undefined : superior,
    kind,
    must: must === undefined ? [] : must.split(" "),
  }),
);

const BY_NAME = new Map<string, ObjectClass>();
for (const objectClass of OBJECT_CLASSES) {
  BY_NAME.set(objectClass.name.toLowerCase(), objectClass);
  BY_NAME.set(objectClass.oid, objectClass);
}

/** By name or OID, whatever the case. */
export function objectClass(name: string): ObjectClass | undefined {
  return BY_NAME.get(name.toLowerCase());
}

/** The class and all it derives from, nearest first, in lower case. */
function withSuperiors(name: string): string[] {
  const chain: string[] = [];
  for (let current = objectClass(name); current !== undefined; ) {
    chain.push(current.name.toLowerCase());
    current = current.superior === undefined ? undefined : objectClass(current.superior);
  }
  return chain;
}

/** The class and all that derive from it, in lower case. */
export function withSubclasses(name: string): string[] {
  const wanted = objectClass(name)?.name.toLowerCase();
  if (wanted === undefined) return [name.toLowerCase()];
  return OBJECT_CLASSES.map((each) => each.name.toLowerCase()).filter((each) =>
    withSuperiors(each).includes(wanted),
  );
}

/** Attributes that these classes and their superiors require. */
export function requiredAttributes(names: readonly string[]): Set<string> {
  const required = new Set<string>();
  for (const name of names) {
    for (const each of withSuperiors(name)) {
      for (const attribute of objectClass(each)?.must ?? []) required.add(attribute);
    }
  }
  return required;
}

/** The structural class furthest down: `inetOrgPerson` of person and inetOrgPerson. Undefined when there is none. */
export function structuralClass(names: readonly string[]): string | undefined {
  let deepest: ObjectClass | undefined;
  for (const name of names) {
    const candidate = objectClass(name);
    if (candidate?.kind !== "structural") continue;
    if (
      deepest === undefined ||
      withSuperiors(candidate.name).length > withSuperiors(deepest.name).length
    ) {
      deepest = candidate;
    }
  }
  return deepest?.name;
}
