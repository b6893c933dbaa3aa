//! Finishes what is in progress. All of it is read from the catalog, so work that a crash interrupted is found again at
//! the next start; every step may be repeated.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::backup::{Backup, BackupIdentity, RESTORABLE};
use super::certificate;
use super::cluster::Cluster;
use super::error::Refusal;
use super::hsm::Hsm;
use super::state::{BackupState, ClusterState, HsmState};
use super::{ControlPlane, log_failure};
use crate::hsm::{HsmSpec, TlsIdentity, token_directory};

/// How often an active cluster is backed up at least: daily, in seconds.
const DAY: u64 = 86_400;

impl ControlPlane {
    /// Does all that is in progress, until nothing is.
    ///
    /// # Errors
    /// [`Refusal::Internal`] of the database; failures of single clusters, HSMs and backups are in their rows.
    pub fn settle(&self) -> Result<(), Refusal> {
        let _one_at_a_time = self.settling.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.finish_clusters()?;
        for hsm in self.catalog.transact(|db| Hsm::in_state(db, HsmState::CreateInProgress))? {
            log_failure(self.create_hsm(&hsm));
        }
        for cluster in self.in_state(ClusterState::InitializeInProgress)? {
            log_failure(self.install_certificate(&cluster));
        }
        for hsm in self.catalog.transact(|db| Hsm::in_state(db, HsmState::DeleteInProgress))? {
            log_failure(self.delete_hsm(&hsm));
        }
        for cluster in self.in_state(ClusterState::DeleteInProgress)? {
            log_failure(self.remove_cluster(&cluster));
        }
        for backup in self.catalog.transact(|db| Backup::in_state(db, BackupState::CreateInProgress))? {
            log_failure(self.make_backup(&backup));
        }
        Ok(())
    }

    /// Starts every HSM that should run. At the start of the agent, and for degraded ones from time to time.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn start_hsms(&self, state: HsmState) -> Result<(), Refusal> {
        for hsm in self.catalog.transact(|db| Hsm::in_state(db, state))? {
            let (to, message) = match self.start(&hsm) {
                Ok(()) => (HsmState::Active, "HSM created.".to_owned()),
                Err(refusal) => (HsmState::Degraded, short(&refusal)),
            };
            self.catalog.transact(|db| Hsm::pass(db, &hsm.id, state, to, &message))?;
        }
        Ok(())
    }

    /// What time brings: daily backups, retention, the end of deleted backups.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn tick(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        self.catalog.transact(|db| {
            for cluster in Cluster::in_state(db, ClusterState::Active)? {
                let running = Hsm::of_cluster(db, &cluster.id)?.iter().any(|hsm| hsm.state == HsmState::Active);
                let sql = "SELECT coalesce(max(created), ?2) FROM backup WHERE cluster = ?1 AND copied IS NULL
                           AND state <> 'DELETED'";
                let last: u64 = db.query_row(sql, params![cluster.id, cluster.created], |row| row.get(0))?;
                if running && last + DAY <= now {
                    Backup::of(&cluster, self.new_id("backup")?, now).insert(db)?;
                }
            }
            // Retention spares the last backup of a cluster, copies, and what never expires.
            let sql = "UPDATE backup SET state = 'PENDING_DELETION', delete_at = ?1 + ?2
                       WHERE state = 'READY' AND copied IS NULL AND never_expires = 0
                       AND created + 86400 * (SELECT retention_days FROM cluster WHERE id = backup.cluster) <= ?1
                       AND EXISTS (SELECT 1 FROM backup AS later WHERE later.cluster = backup.cluster
                           AND later.state = 'READY' AND later.copied IS NULL
                           AND (later.created, later.seq) > (backup.created, backup.seq))";
            db.execute(sql, params![now, RESTORABLE])?;
            Ok(())
        })?;
        for backup in self.catalog.transact(|db| Backup::in_state(db, BackupState::PendingDeletion))? {
            if backup.delete_at.is_some_and(|at| at <= now) {
                self.forget_backup(&backup)?;
            }
        }
        self.start_hsms(HsmState::Degraded)
    }

    fn in_state(&self, state: ClusterState) -> Result<Vec<Cluster>, Refusal> {
        self.catalog.transact(|db| Cluster::in_state(db, state))
    }

    fn finish_clusters(&self) -> Result<(), Refusal> {
        for cluster in self.in_state(ClusterState::CreateInProgress)? {
            make_directory(&self.cluster_directory(&cluster.id))?;
            let (state, message) = match cluster.source_backup.as_deref().map(|backup| self.restore(&cluster, backup)) {
                None => (ClusterState::Uninitialized, None),
                Some(Ok(())) => (ClusterState::Active, None),
                Some(Err(refusal)) => (ClusterState::Degraded, Some(short(&refusal))),
            };
            self.catalog.transact(|db| Cluster::enter(db, &cluster.id, state, message.as_deref()))?;
        }
        for from in [ClusterState::ModifyInProgress, ClusterState::RollbackInProgress] {
            for cluster in self.in_state(from)? {
                self.catalog.transact(|db| {
                    let to = cluster.target_type.unwrap_or(cluster.hsm_type);
                    db.execute("UPDATE hsm SET hsm_type = ?2 WHERE cluster = ?1", params![cluster.id, to])?;
                    let sql = "UPDATE cluster SET hsm_type = ?2, target_type = NULL WHERE id = ?1";
                    db.execute(sql, params![cluster.id, to])?;
                    Cluster::enter(db, &cluster.id, ClusterState::Active, None)
                })?;
            }
        }
        Ok(())
    }

    /// Gives a cluster the certificate's key and the store of a backup.
    fn restore(&self, cluster: &Cluster, backup: &str) -> Result<(), Refusal> {
        let key = self.backup_file(backup).with_extension("key");
        certificate::write(&self.key_file(&cluster.id), certificate::read_key(&key)?.as_bytes())?;
        let store = token_directory(&self.store(&cluster.id));
        if store.exists() {
            return Ok(());
        }
        if let Some(parent) = store.parent() {
            make_directory(parent)?;
        }
        self.engine.restore(&self.backup_file(backup), &store).map_err(|error| Refusal::Internal(error.0))
    }

    fn create_hsm(&self, hsm: &Hsm) -> Result<(), Refusal> {
        let cluster = self.catalog.transact(|db| Cluster::by_id(db, &hsm.cluster))?;
        if cluster.certificate.is_none() && cluster.csr.is_none() {
            let (hardware, key) = (self.state_directory.join("hardware"), self.key_file(&cluster.id));
            let made = certificate::claimable(&hardware, &key, &hsm.id, self.clock.now())?;
            self.catalog.transact(|db| {
                let sql = "UPDATE cluster SET csr = ?2, hsm_certificate = ?3, aws_hardware_certificate = ?4,
                           manufacturer_hardware_certificate = ?5 WHERE id = ?1";
                db.execute(sql, params![cluster.id, made.csr, made.hsm, made.aws, made.manufacturer])?;
                Ok(())
            })?;
        }
        let (to, message) = match self.start(hsm) {
            Ok(()) => (HsmState::Active, "HSM created.".to_owned()),
            Err(refusal) => (HsmState::Degraded, short(&refusal)),
        };
        self.catalog.transact(|db| {
            let passed = Hsm::pass(db, &hsm.id, HsmState::CreateInProgress, to, &message)?;
            let cluster = Cluster::by_id(db, &hsm.cluster)?;
            if passed && to == HsmState::Active && cluster.state == ClusterState::Active {
                Backup::of(&cluster, self.new_id("backup")?, self.clock.now()).insert(db)?;
            }
            Ok(())
        })
    }

    fn install_certificate(&self, cluster: &Cluster) -> Result<(), Refusal> {
        for hsm in self.catalog.transact(|db| Hsm::of_cluster(db, &cluster.id))? {
            self.host.stop(&hsm.id);
            let (to, message) = match self.start(&hsm) {
                Ok(()) => (HsmState::Active, "HSM created.".to_owned()),
                Err(refusal) => (HsmState::Degraded, short(&refusal)),
            };
            self.catalog.transact(|db| Hsm::pass(db, &hsm.id, hsm.state, to, &message))?;
        }
        self.catalog.transact(|db| Cluster::enter(db, &cluster.id, ClusterState::Initialized, None))
    }

    fn start(&self, hsm: &Hsm) -> Result<(), Refusal> {
        let cluster = self.catalog.transact(|db| Cluster::by_id(db, &hsm.cluster))?;
        let directory = self.cluster_directory(&cluster.id);
        make_directory(&directory)?;
        let address = match (&cluster.certificate, &cluster.trust_anchor) {
            (Some(certificate), Some(anchor)) => {
                let ip = hsm.ip.parse().map_err(|_| Refusal::Internal(format!("{}: address {}", hsm.id, hsm.ip)))?;
                let chain = format!("{}\n{}\n", certificate.trim_end(), anchor.trim_end());
                let key = certificate::read_key(&self.key_file(&cluster.id))?;
                Some((ip, self.settings.hsm_port, TlsIdentity { chain, key }))
            }
            _ => None,
        };
        let spec = HsmSpec {
            cluster_id: cluster.id.clone(),
            hsm_id: hsm.id.clone(),
            address,
            socket: directory.join(format!("{}.sock", hsm.id)),
            store: self.store(&cluster.id),
        };
        self.host.start(&spec).map_err(|error| {
            tracing::warn!(hsm = hsm.id, cause = error.0, "HSM did not start");
            Refusal::Internal(error.0)
        })
    }

    fn delete_hsm(&self, hsm: &Hsm) -> Result<(), Refusal> {
        self.host.stop(&hsm.id);
        let socket = self.cluster_directory(&hsm.cluster).join(format!("{}.sock", hsm.id));
        remove_file(&socket)?;
        self.catalog.transact(|db| {
            db.execute("DELETE FROM hsm WHERE id = ?1", [&hsm.id])?;
            let cluster = Cluster::by_id(db, &hsm.cluster)?;
            if cluster.state == ClusterState::Active {
                Backup::of(&cluster, self.new_id("backup")?, self.clock.now()).insert(db)?;
            }
            if cluster.state == ClusterState::Uninitialized {
                // The CSR was this HSM's: the next first HSM makes its own.
                remove_file(&self.key_file(&cluster.id))?;
                db.execute("UPDATE cluster SET csr = NULL WHERE id = ?1", [&cluster.id])?;
            }
            Ok(())
        })
    }

    fn remove_cluster(&self, cluster: &Cluster) -> Result<(), Refusal> {
        // A backup in the making still reads the store: the next round removes the cluster.
        let directory = self.cluster_directory(&cluster.id);
        for backup in self.catalog.transact(|db| Backup::in_state(db, BackupState::CreateInProgress))? {
            if backup.cluster == cluster.id {
                self.make_backup(&backup)?;
            }
        }
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_failed(&directory, &error)),
            _ => {}
        }
        self.catalog.transact(|db| {
            db.execute("UPDATE cluster SET deleted = ?2 WHERE id = ?1", params![cluster.id, self.clock.now()])?;
            db.execute("DELETE FROM tag WHERE resource = ?1", [&cluster.id])?;
            Cluster::enter(db, &cluster.id, ClusterState::Deleted, None)
        })
    }

    fn make_backup(&self, backup: &Backup) -> Result<(), Refusal> {
        let file = self.backup_file(&backup.id);
        make_directory(&self.state_directory.join("backups"))?;
        // What an interrupted attempt left is not known to be whole.
        remove_file(&file)?;
        let state = match self.write_backup(backup, &file) {
            Ok(()) => BackupState::Ready,
            Err(refusal) => {
                tracing::error!(backup = backup.id, cluster = backup.cluster, cause = %refusal, "no backup");
                remove_file(&file)?;
                BackupState::Deleted
            }
        };
        self.catalog.transact(|db| Backup::enter(db, &backup.id, state, None))
    }

    fn write_backup(&self, backup: &Backup, file: &Path) -> Result<(), Refusal> {
        let key = match &backup.source_backup {
            Some(source) => {
                let source = self.backup_file(source);
                fs::copy(&source, file).map_err(|error| file_failed(&source, &error))?;
                fs::File::open(file).and_then(|open| open.sync_all()).map_err(|error| file_failed(file, &error))?;
                source.with_extension("key")
            }
            None => {
                let identity = BackupIdentity {
                    cluster_id: backup.cluster.clone(),
                    history_id: backup.history_id.clone(),
                    backup_id: backup.id.clone(),
                    created: backup.created,
                };
                let store = token_directory(&self.store(&backup.cluster));
                self.engine.create(&store, file, &identity).map_err(|error| Refusal::Internal(error.0))?;
                self.key_file(&backup.cluster)
            }
        };
        self.engine.verify(file).map_err(|error| Refusal::Internal(error.0))?;
        // The certificate's key goes with the backup: clusters made from it answer with the same certificate.
        certificate::write(&file.with_extension("key"), certificate::read_key(&key)?.as_bytes())
    }

    fn forget_backup(&self, backup: &Backup) -> Result<(), Refusal> {
        let file = self.backup_file(&backup.id);
        remove_file(&file)?;
        remove_file(&file.with_extension("key"))?;
        self.catalog.transact(|db| {
            db.execute("DELETE FROM backup WHERE id = ?1", [&backup.id])?;
            db.execute("DELETE FROM tag WHERE resource = ?1", [&backup.id])?;
            db.execute("DELETE FROM policy WHERE resource = ?1", [&backup.id])?;
            Ok(())
        })
    }

    fn cluster_directory(&self, cluster: &str) -> PathBuf {
        self.state_directory.join("clusters").join(cluster)
    }

    pub(super) fn store(&self, cluster: &str) -> PathBuf {
        self.cluster_directory(cluster).join("store")
    }

    fn key_file(&self, cluster: &str) -> PathBuf {
        self.cluster_directory(cluster).join("hsm.key")
    }

    fn backup_file(&self, backup: &str) -> PathBuf {
        self.state_directory.join("backups").join(format!("{backup}.backup"))
    }
}

fn short(refusal: &Refusal) -> String {
    refusal.to_string().chars().take(300).collect()
}

fn file_failed(file: &Path, error: &std::io::Error) -> Refusal {
    Refusal::Internal(format!("{}: {error}", file.display()))
}

fn make_directory(directory: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(directory).map_err(|error| file_failed(directory, &error))
}

fn remove_file(file: &Path) -> Result<(), Refusal> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_failed(file, &error)),
        _ => Ok(()),
    }
}
