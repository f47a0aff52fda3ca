// biome-ignore-start assist/source/organizeImports: the mends have to be in place before kafkajs is loaded
import './kafkajs-mends.ts'
import kafkajs from 'kafkajs'
// biome-ignore-end assist/source/organizeImports: as above

/** kafkajs, mended. To be imported from here and nowhere else, except for types. */
export { kafkajs }
