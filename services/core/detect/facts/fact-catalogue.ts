import { CLOUD_FACTS } from './cloud.ts'
import type { Fact } from './fact.ts'
import { OBJECT_FACTS } from './object-facts.ts'
import { POD_TEMPLATE_FACTS } from './pod-template-facts.ts'
import { REQUEST_FACTS } from './request-facts.ts'
import { RUNTIME_FACTS } from './runtime-facts.ts'

/** Every fact by the name that rules use. `facts.` keeps them apart from the event model; `object` and `pod_template` are documents. */
export const FACTS: Readonly<Record<string, Fact>> = {
  ...OBJECT_FACTS,
  ...POD_TEMPLATE_FACTS,
  ...REQUEST_FACTS,
  ...RUNTIME_FACTS,
  ...CLOUD_FACTS
}

const BY_NAME: ReadonlyMap<string, Fact> = new Map(Object.entries(FACTS))

export function factOf(name: string): Fact | null {
  return BY_NAME.get(name) ?? null
}

/** Every fact and every name inside one, as rules write them. */
export const FACT_PATHS: readonly string[] = [...BY_NAME].flatMap(([name, { fields }]) => [
  name,
  ...(fields ?? []).map((field) => `${name}.${field}`)
])
