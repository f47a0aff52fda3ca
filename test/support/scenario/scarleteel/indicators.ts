/**
 * Addresses and names the campaign used, as published by Sysdig on 2023-07-11. Historical: for fixtures, not for block lists.
 * Where only a name was published, the address is out of a documentation range (RFC 5737).
 */

/** Staged scripts, downloads and loot over plain HTTP. */
export const STAGING_IP = '175.102.182.6'
/** The same actor's earlier infrastructure. */
export const EARLIER_IP = '45.9.148.221'
export const TERMBIN = { name: 'termbin.com', ip: '5.39.93.71', port: 9999 } as const
export const TEMP_SH = { name: 'temp.sh', ip: '203.0.113.45', port: 443 } as const
export const BIZMRG = { name: 'hb.bizmrg.com', ip: '203.0.113.46', port: 443 } as const
export const C3POOL_DOWNLOAD = { name: 'download.c3pool.org', ip: '203.0.113.47', port: 80 } as const
export const C3POOL_STRATUM = { name: 'auto.c3pool.org', ip: '203.0.113.48', port: 13333 } as const

export const IMDS_IP = '169.254.169.254'
export const FARGATE_IP = '169.254.170.2'

/** The published start of the wallet, filled up to the length of a Monero address. */
export const WALLET = `43Lfq18${'X'.repeat(88)}`

/** Public services that are not the attacker's; documentation addresses. */
export const GITHUB_IP = '198.51.100.40'
export const PYPI_IP = '198.51.100.41'
export const AWS_API_IP = '198.51.100.42'

export const API_SERVER = { ip: '10.96.0.1', port: 443 } as const
