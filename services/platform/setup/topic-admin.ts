/** What a topic is like on the brokers. */
export interface ActualTopic {
  readonly partitions: number
  /** Configuration in force, by name. */
  readonly configs: ReadonlyMap<string, string>
}

/** Administration of topics, as far as setup needs it. */
export interface TopicAdmin {
  /** The topics of these names that exist. */
  describe(names: readonly string[]): Promise<ReadonlyMap<string, ActualTopic>>
  /** @param replication_factor undefined: the brokers' default */
  /** Returns when the brokers have agreed; see `untilReady`. */
  create(
    name: string,
    partitions: number,
    configs: Readonly<Record<string, string>>,
    replication_factor: number | undefined
  ): Promise<void>
  /** Waits until topics that were just created can be written to. */
  untilReady(names: readonly string[]): Promise<void>
  addPartitions(name: string, partitions: number): Promise<void>
  /** Changes these entries and leaves the others as they are. */
  alterConfigs(name: string, configs: Readonly<Record<string, string>>): Promise<void>
}
