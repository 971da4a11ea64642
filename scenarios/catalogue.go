package scenarios

import "github.com/etcd-firedrill/firedrill/harness"

// All lists every scenario, in the order of the catalogue.
func All() []harness.Scenario {
	return []harness.Scenario{
		rancherSoleSurvivor(),
		rancherSoleSurvivorJoined(),
		rancherDirtyHosts(),
		rancherHealthyStop(),
		dcosInstallFailure(),
		dcosScaleUpCrash(),
		dcosTaskCrash(),
		dcosAgentLoss(),
		dcosPodReplace(),
		dcosQuorumLoss(),
		rkeRestoreNewNodes(),
		rkeRestoreCleanedNodes(),
		kubeadmForceNewCluster(),
		kubeadmForceNewClusterVerbatim(),
		kubeadmForceNewClusterLearner(),
		kubeadmStaleSurvivor(),
		talosRecoverSnapshot(),
		talosRecoverDBCopy(),
		talosQuorumRestorable(),
		talosSingleNode(),
		talosInitNode(),
		talosInitNodeConverted(),
		etcdSnapshotRestore(),
		etcdSnapshotRestoreAuth(),
		etcdMemberReplace(),
	}
}
