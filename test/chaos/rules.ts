/** Rules whose signals only count, by name, with ids that signals can be made with. */
export const PARTS = {
  read: '0c4a1f5e-7d53-4c02-9a37-0d7f0a6b1001',
  write: '0c4a1f5e-7d53-4c02-9a37-0d7f0a6b1002',
  remove: '0c4a1f5e-7d53-4c02-9a37-0d7f0a6b1003',
  session: '0c4a1f5e-7d53-4c02-9a37-0d7f0a6b1004'
} as const
export type Part = keyof typeof PARTS

const rule = (name: Part) => `title: ${name}
id: ${PARTS[name]}
name: ${name}
logsource: { product: kubernetes, service: audit }
detection: { s: { verb: ${name} }, condition: s }
level: low
`

const correlation = (name: string, section: string) => `title: ${name}
name: ${name}
level: high
tags: [attack.credential-access]
correlation: { group-by: [actor.name], ${section} }
`

/** Correlations of every kind that windows know, one of them over another. Texts of rule files by file name. */
export const CHAOS_RULES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...(Object.keys(PARTS) as Part[]).map((name) => [name, rule(name)] as const),
    ...(
      [
        ['many_reads', 'type: event_count, rules: [read], timespan: 5m, condition: { gte: 4 }'],
        [
          'many_places',
          'type: value_count, rules: [read, write], timespan: 10m, condition: { field: source_ip, gte: 3 }'
        ],
        ['read_write_remove', 'type: temporal_ordered, rules: [read, write, remove], timespan: 10m'],
        ['few_writes', 'type: event_count, rules: [write], timespan: 5m, condition: { gte: 2, lte: 3 }'],
        ['no_session', 'type: absence, rules: [remove, session], timespan: 2m, direction: around'],
        ['reads_then_remove', 'type: temporal_ordered, rules: [many_reads, remove], timespan: 10m']
      ] as const
    ).map(([name, section]) => [name, correlation(name, section)] as const)
  ].map(([name, text]) => [`${name}.yml`, text])
)
