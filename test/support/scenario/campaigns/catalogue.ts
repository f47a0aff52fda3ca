import type { Campaign } from './campaign.ts'
import { DERO, DERO_PACKED } from './dero.ts'
import { HILDEGARD } from './hildegard.ts'
import { KINSING } from './kinsing.ts'
import { KISS_A_DOG } from './kiss-a-dog.ts'
import { PG_MEM } from './pg-mem.ts'
import { RBAC_BUSTER } from './rbac-buster.ts'
import { REACT2SHELL } from './react2shell.ts'
import { SCARLETEEL } from './scarleteel.ts'
import { SELENIUM_GREED } from './selenium-greed.ts'
import { SILOSCAPE } from './siloscape.ts'
import { SLOW_PISCES } from './slow-pisces.ts'
import { SPRING_NSENTER } from './spring-nsenter.ts'
import { LITELLM, TEAMPCP } from './teampcp.ts'
import { TEAMTNT } from './teamtnt.ts'
import { VOIDLINK } from './voidlink.ts'

/** All campaigns that can be played. */
export const CAMPAIGNS: readonly Campaign[] = [
  SCARLETEEL,
  RBAC_BUSTER,
  HILDEGARD,
  TEAMTNT,
  KINSING,
  SILOSCAPE,
  DERO,
  DERO_PACKED,
  KISS_A_DOG,
  PG_MEM,
  SELENIUM_GREED,
  SLOW_PISCES,
  REACT2SHELL,
  TEAMPCP,
  LITELLM,
  VOIDLINK,
  SPRING_NSENTER
]
