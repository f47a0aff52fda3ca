import { z } from 'zod'

const MIB = 1024 * 1024

/** Settings of a spool. The defaults lose nothing on any death of the process, and at most a second on a power failure. */
export const spoolOptions = (directory: string) =>
  z
    .strictObject({
      directory: z.string().min(1).default(directory).describe('Folder of the segment files; one process only'),
      max_bytes: z
        .number()
        .int()
        .positive()
        .default(1024 * MIB)
        .describe('The most that the segment files may hold together'),
      segment_bytes: z
        .number()
        .int()
        .positive()
        .max(1024 * MIB)
        .default(16 * MIB)
        .describe('Size at which a new segment file is begun; space is given back a whole segment at a time'),
      fsync: z
        .enum(['interval', 'always'])
        .default('interval')
        .describe(
          'always: acknowledged means on the disk; interval: acknowledged means with the kernel, on the disk a little later'
        ),
      fsync_interval_ms: z
        .number()
        .int()
        .positive()
        .default(1000)
        .describe('How much a power failure may cost under `fsync: interval`')
    })
    .refine(({ max_bytes, segment_bytes }) => max_bytes >= 2 * segment_bytes, {
      path: ['max_bytes'],
      message: 'must be at least twice segment_bytes'
    })
