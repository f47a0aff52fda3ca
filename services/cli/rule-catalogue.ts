import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { SEVERITIES } from '../core/severity.ts'
import { BUILTIN_RULES } from './rules.ts'

const code = z.strictObject({
  level: z.enum(SEVERITIES),
  techniques: z.array(z.string()),
  microsoft: z.array(z.string()).default([]),
  left_out: z.string().optional()
})
const technique = z.strictObject({ name: z.string(), peers: z.enum(['yes', 'partly', 'no']) })

/** A code of the catalogue: the most that a rule may say by itself, what it is evidence of, and why there may be no rule for it. */
export type CatalogueCode = z.infer<typeof code>
/** A technique of a matrix, and whether a peer has a rule that would fire. */
export type MatrixTechnique = z.infer<typeof technique>

/** What the rules are measured against. */
export interface RuleCatalogue {
  readonly codes: ReadonlyMap<string, CatalogueCode>
  /** MITRE ATT&CK, platform Containers. */
  readonly attack: ReadonlyMap<string, MatrixTechnique>
  /** Microsoft's Threat Matrix for Kubernetes. */
  readonly microsoft: ReadonlyMap<string, MatrixTechnique>
}

async function readMap<T>(file: string, item: z.ZodType<T>): Promise<ReadonlyMap<string, T>> {
  const read: unknown = parse(await readFile(join(BUILTIN_RULES, 'coverage', file), 'utf8'), { version: '1.2' })
  return new Map(Object.entries(z.record(z.string(), item).parse(read)))
}

/** Reads rules/coverage of the installation. @throws when a file of it is missing or wrong */
export async function readRuleCatalogue(): Promise<RuleCatalogue> {
  const [codes, attack, microsoft] = await Promise.all([
    readMap('codes.yml', code),
    readMap('attack-containers.yml', technique),
    readMap('microsoft.yml', technique)
  ])
  return { codes, attack, microsoft }
}
