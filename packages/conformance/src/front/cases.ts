/** What the cases of fronts are. */
import type { Case } from '../case.js'
import type { FrontStage } from './stage.js'

export type FrontCase = Case<FrontStage>
