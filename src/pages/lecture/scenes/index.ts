/** The view of each scene. A new scene needs a name in models/choice/plans.ts, its words, and a line here. */
import type { ComponentType } from 'preact';
import type { Scene } from '../models/choice/plans';
import { CubeScene } from './cube';
import { DataScene } from './data';
import { FarScene } from './far';
import { GlanceScene } from './glance';
import { OneScene } from './one';
import { PipelineScene } from './pipeline';
import { ProofScene } from './proof';
import type { SceneProps } from './scene';
import { TensorScene } from './tensor';
import { UnequalScene } from './unequal';
import { WhichScene } from './which';
import { ZeroScene } from './zero';

export const VIEWS: Readonly<Record<Scene, ComponentType<SceneProps>>> = {
  one: OneScene,
  data: DataScene,
  zero: ZeroScene,
  pipeline: PipelineScene,
  tensor: TensorScene,
  cube: CubeScene,
  which: WhichScene,
  proof: ProofScene,
  far: FarScene,
  unequal: UnequalScene,
  glance: GlanceScene,
};
