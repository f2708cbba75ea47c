import {
  type CharacterTest,
  isWordCharacter,
  PatternError,
  type PatternNode,
  type PatternPlace,
  parsePattern,
} from "./pattern-syntax.ts";

/** Characters of a pattern. */
const MAX_PATTERN_CHARACTERS = 1_000;

/** States that a pattern may need: the most work for one character of a text. */
const MAX_PATTERN_STATES = 2_000;

type State =
  | { readonly kind: "character"; readonly test: CharacterTest; next: number }
  | { readonly kind: "place"; readonly place: PatternPlace; next: number }
  | { readonly kind: "split"; next: number; other: number }
  | { readonly kind: "matched" };

/** Finds a pattern anywhere in a text. */
export type PatternSearch = (text: string) => boolean;

/**
 * Compiles a regular expression as `parsePattern` reads it, unanchored and with letter case, as .NET's `IsMatch`. Matching
 * takes at most (states × characters) steps whatever the pattern: all alternatives are followed at once (Thompson 1968), so
 * nothing ever backtracks.
 * @throws PatternError also for a pattern that is too large
 */
export function compilePattern(pattern: string): PatternSearch {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw new PatternError(`longer than ${MAX_PATTERN_CHARACTERS} characters`);
  }
  const states: State[] = [{ kind: "matched" }];
  const start = new StateBuilder(states).build(parsePattern(pattern), 0);
  return (text) => search({ states, start }, text);
}

/** Builds from the end: each part is told the state that comes after it. */
class StateBuilder {
  readonly #states: State[];
  /** Repetitions of nothing add no state and are counted all the same. */
  #work = 0;

  constructor(states: State[]) {
    this.#states = states;
  }

  build(node: PatternNode, next: number): number {
    this.#work += 1;
    if (this.#work > MAX_PATTERN_STATES) {
      throw new PatternError(`more than ${MAX_PATTERN_STATES} states`);
    }
    switch (node.kind) {
      case "character":
      case "place":
        return this.#add({ ...node, next });
      case "sequence":
        return node.parts.reduceRight((after, part) => this.build(part, after), next);
      case "choice":
        return node.options
          .map((option) => this.build(option, next))
          .reduceRight((other, option) => this.#add({ kind: "split", next: option, other }));
      case "repeat":
        return this.#repeat(node, next);
    }
  }

  #repeat({ part, min, max }: Extract<PatternNode, { kind: "repeat" }>, next: number): number {
    let start = next;
    if (max === Number.POSITIVE_INFINITY) {
      const loop: State = { kind: "split", next, other: next };
      start = this.#add(loop);
      loop.next = this.build(part, start);
    } else {
      for (let count = min; count < max; count += 1) {
        start = this.#add({ kind: "split", next: this.build(part, start), other: next });
      }
    }
    for (let count = 0; count < min; count += 1) start = this.build(part, start);
    return start;
  }

  #add(state: State): number {
    return this.#states.push(state) - 1;
  }
}

interface Program {
  readonly states: readonly State[];
  readonly start: number;
}

function search({ states, start }: Program, text: string): boolean {
  const characters = [...text];
  /** Per state: the last position for which it was entered, counted from 1. */
  const entered = new Uint32Array(states.length);
  let waiting: number[] = [];
  for (let at = 0; at <= characters.length; at += 1) {
    const pending = [start, ...waiting];
    const reading: Extract<State, { kind: "character" }>[] = [];
    while (pending.length > 0) {
      const index = pending.pop() as number;
      if (entered[index] === at + 1) continue;
      entered[index] = at + 1;
      const state = states[index] as State;
      switch (state.kind) {
        case "matched":
          return true;
        case "split":
          pending.push(state.next, state.other);
          break;
        case "place":
          if (isAt(state.place, { characters, at })) pending.push(state.next);
          break;
        case "character":
          reading.push(state);
          break;
      }
    }
    const character = characters[at];
    if (character === undefined) return false;
    waiting = reading.filter(({ test }) => test(character)).map(({ next }) => next);
  }
  return false;
}

function isAt(
  place: PatternPlace,
  { characters, at }: { readonly characters: readonly string[]; readonly at: number },
): boolean {
  const isWordAt = (index: number) => isWordCharacter(characters[index] ?? "");
  switch (place) {
    case "start":
      return at === 0;
    case "end":
      return at === characters.length;
    case "lastLine":
      return at === characters.length || (at === characters.length - 1 && characters[at] === "\n");
    case "wordBoundary":
      return isWordAt(at - 1) !== isWordAt(at);
    case "notWordBoundary":
      return isWordAt(at - 1) === isWordAt(at);
  }
}
