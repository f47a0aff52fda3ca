import { hash } from 'node:crypto'

/** Fields of an entry of the correlator's changelog that a kind of entry has no use for. */
export const BLANK_ENTRY = {
  signal: null,
  sealed: null,
  cut_keys: [],
  published: null,
  watermark: 0,
  document: null,
  packed: null
} as const

/** 32 hexadecimal digits that stand for a text in keys of entries. */
export const shortHash = (text: string): string => hash('sha256', text, 'hex').slice(0, 32)
