import packageJson from '../../package.json' with { type: 'json' }

/** Version of Weir, for dead letters, user agents and exports. */
export const VERSION: string = packageJson.version
