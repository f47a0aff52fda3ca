/**
 * Bounds on rules and on what is done with one event. Rules may come from strangers and events from attackers, so each of them
 * is checked, and crossing one is an error (rules) or reported to the observer (events).
 */
export const RULE_LIMITS = {
  /** A file of rules: at its worst (nothing but mistakes) the YAML parser takes some seconds for so much. */
  file_bytes: 131_072,
  /** Brackets open at once, seen before parsing because the parser recurses. */
  brackets: 200,
  documents: 500,
  /** Values of any kind in one document, aliases counted as often as they are used. */
  document_nodes: 20_000,
  nesting: 16,
  /** Lists of values after expansion by windash, base64offset and placeholders. */
  values: 2_000,
  value_characters: 4_096,
  wildcards: 64,
  condition_characters: 4_096,
  condition_terms: 1_000,
  /** Items of a rule, counted as often as the condition uses them. */
  rule_items: 5_000,
  regex_characters: 2_048,
  /** States of the automaton after counted repetitions are written out. */
  regex_states: 1_500,
  path_segments: 32
} as const

export const EVENT_LIMITS = {
  /** Characters of a value that a regular expression looks at. */
  regex_input_characters: 65_536,
  /** Values looked at to find one path in a body: a list of all pods has tens of thousands. */
  path_steps: 100_000,
  /** Values of one event that keywords are searched in. */
  keyword_values: 20_000,
  /** Fields and characters of a signal's evidence and title. */
  evidence_fields: 24,
  evidence_characters: 512,
  title_value_characters: 160,
  title_characters: 400,
  /** Values of a field that a signal carries for correlations, and their length. */
  carried_values: 16,
  carried_characters: 256,
  entity_name_characters: 256,
  entities: 64
} as const
