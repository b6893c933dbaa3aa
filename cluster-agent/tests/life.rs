//! The life of clusters, HSMs and backups, through the operations and with certificates of OpenSSL.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fixture;

use fixture::{OWNER, Plane, REGION, openssl, sign};
use serde_json::json;

const INVALID: &str = "CloudHsmInvalidRequestException";
const NOT_FOUND: &str = "CloudHsmResourceNotFoundException";

#[test]
fn a_cluster_is_created_claimed_activated_and_deleted() {
    let plane = Plane::new();
    let cluster = plane.create_cluster();
    assert_eq!(plane.cluster(&cluster)["State"], "UNINITIALIZED");
    assert_eq!(plane.cluster(&cluster)["SubnetMapping"]["us-west-2b"], "subnet-0b2c3d4e");
    let hsm = plane.create_hsm(&cluster);
    let shown = plane.cluster(&cluster);
    assert_eq!(shown["Hsms"][0]["State"], "ACTIVE", "{shown}");
    assert_eq!(shown["Hsms"][0]["EniIp"], "127.0.1.4");
    assert!(plane.host.running()[0].address.is_none());

    let (signed, anchor) = sign(shown["Certificates"]["ClusterCsr"].as_str().unwrap());
    plane.call("InitializeCluster", json!({"ClusterId": cluster, "SignedCert": signed, "TrustAnchor": anchor}));
    let shown = plane.cluster(&cluster);
    assert_eq!(shown["State"], "INITIALIZED");
    assert_eq!(shown["Certificates"], json!({"ClusterCertificate": signed}));
    let running = plane.host.running();
    let (ip, _, identity) = running[0].address.as_ref().unwrap();
    assert_eq!(ip.to_string(), "127.0.1.4");
    assert!(identity.chain.starts_with(signed.trim_end()) && identity.chain.contains(anchor.trim_end()));

    let message = plane.refused(INVALID, "DeleteCluster", json!({"ClusterId": cluster}));
    assert!(message.contains("delete them first"), "{message}");
    plane.call("DeleteHsm", json!({"ClusterId": cluster, "HsmId": hsm}));
    assert!(plane.host.running().is_empty());
    plane.call("DeleteCluster", json!({"ClusterId": cluster}));
    assert_eq!(plane.cluster(&cluster)["State"], "DELETED");
    plane.refused(NOT_FOUND, "DeleteCluster", json!({"ClusterId": cluster}));
    plane.pass(3601);
    assert!(plane.cluster(&cluster).is_null());
}

#[test]
fn the_hardware_vouches_for_the_key_of_the_csr() {
    let plane = Plane::new();
    let cluster = plane.create_cluster();
    plane.create_hsm(&cluster);
    let certificates = plane.cluster(&cluster)["Certificates"].clone();
    let work = tempfile::tempdir().unwrap();
    for (member, file) in [
        ("ClusterCsr", "csr"),
        ("HsmCertificate", "hsm.crt"),
        ("AwsHardwareCertificate", "aws.crt"),
        ("ManufacturerHardwareCertificate", "manufacturer.crt"),
    ] {
        std::fs::write(work.path().join(file), certificates[member].as_str().unwrap()).unwrap();
    }
    for name in ["aws", "manufacturer"] {
        let root = plane.directory.path().join(format!("hardware/{name}-root.crt"));
        openssl(work.path(), &format!("verify -CAfile {} -untrusted {name}.crt hsm.crt", root.display()));
    }
    openssl(work.path(), "req -in csr -verify -noout");
    openssl(work.path(), "req -in csr -pubkey -noout -out csr.pub");
    openssl(work.path(), "x509 -in hsm.crt -pubkey -noout -out hsm.pub");
    let read = |name: &str| std::fs::read_to_string(work.path().join(name)).unwrap();
    assert!(read("hsm.pub").starts_with(&read("csr.pub")));
}

#[test]
fn initialize_cluster_says_which_check_failed() {
    let plane = Plane::new();
    let (cluster, other) = (plane.create_cluster(), plane.create_cluster());
    let csr = |cluster: &str| plane.cluster(cluster)["Certificates"]["ClusterCsr"].as_str().unwrap().to_owned();
    let refused = |signed: &str, anchor: &str| {
        let body = json!({"ClusterId": cluster, "SignedCert": signed, "TrustAnchor": anchor});
        plane.refused(INVALID, "InitializeCluster", body)
    };
    assert!(refused("x", "x").contains("no active HSM"));
    plane.create_hsm(&cluster);
    plane.create_hsm(&other);
    let (signed, anchor) = sign(&csr(&cluster));
    let (foreign, foreign_anchor) = sign(&csr(&other));
    assert!(refused("x", &anchor).contains("SignedCert is not a PEM"));
    assert!(refused(&foreign, &foreign_anchor).contains("public key of the cluster's CSR"));
    assert!(refused(&signed, &foreign_anchor).contains("not signed by the key of TrustAnchor"));
    assert!(refused(&signed, &signed).contains("TrustAnchor is not self-signed"));
    assert!(refused(&signed, &format!("{anchor}{anchor}")).contains("more than one"));
    plane.pass(4000 * 86_400);
    assert!(refused(&signed, &anchor).contains("TrustAnchor is not valid now"));
    assert_eq!(plane.cluster(&cluster)["State"], "UNINITIALIZED");
}

#[test]
fn create_cluster_keeps_the_rules_of_subnets_types_and_quotas() {
    let plane = Plane::new();
    let refused = |body| plane.refused(INVALID, "CreateCluster", body);
    assert_eq!(refused(json!({"HsmType": "hsm2m.medium"})), "SubnetIds is required.");
    let two_in_b = ["subnet-0b2c3d4e", "subnet-0c3d4e5f"];
    assert!(refused(json!({"HsmType": "hsm2m.medium", "SubnetIds": two_in_b})).contains("two subnets"));
    assert!(refused(json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-00000000"]})).contains("does not exist"));
    assert!(refused(json!({"HsmType": "hsm3.medium", "SubnetIds": two_in_b})).contains("does not exist"));
    let non_fips = json!({"HsmType": "hsm1.medium", "SubnetIds": ["subnet-0a1b2c3d"], "Mode": "NON_FIPS"});
    assert!(refused(non_fips).contains("only Mode FIPS"));
    let days = |value| {
        json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"],
        "BackupRetentionPolicy": {"Type": "DAYS", "Value": value}})
    };
    assert!(refused(days("6")).contains("7 to 379"));
    plane.refused("SerializationException", "CreateCluster", json!({"HsmType": 7}));
    for _ in 0..4 {
        plane.create_cluster();
    }
    let body = json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"]});
    assert!(refused(body).contains("the limit is 4"));
}

#[test]
fn addresses_run_out_and_subnets_vanish() {
    let plane = Plane::new();
    let cluster = plane.initialized();
    let body = |zone: &str| json!({"ClusterId": cluster, "AvailabilityZone": zone});
    let taken = json!({"ClusterId": cluster, "AvailabilityZone": "us-west-2a", "IpAddress": "127.0.1.4"});
    assert!(plane.refused(INVALID, "CreateHsm", taken).contains("already in use"));
    assert!(plane.refused(INVALID, "CreateHsm", body("us-west-2c")).contains("not one of"));
    for last in 4..15 {
        plane.control.reserve_address(std::net::Ipv4Addr::new(127, 0, 2, last)).unwrap();
    }
    assert!(plane.refused(INVALID, "CreateHsm", body("us-west-2b")).contains("no free addresses"));
    plane.control.release_address(std::net::Ipv4Addr::new(127, 0, 2, 9)).unwrap();
    assert_eq!(plane.call("CreateHsm", body("us-west-2b"))["Hsm"]["EniIp"], "127.0.2.9");
    plane.control.remove_subnet("subnet-0a1b2c3d").unwrap();
    let plane = plane.restarted();
    assert!(plane.refused(INVALID, "CreateHsm", body("us-west-2a")).contains("does not exist"));
}

#[test]
fn backups_are_made_when_the_api_says_so_and_clone_the_cluster() {
    let plane = Plane::new();
    let cluster = plane.active();
    assert_eq!(plane.cluster(&cluster)["State"], "ACTIVE");
    assert_eq!(plane.backups().len(), 1, "activation");
    let second = plane.create_hsm(&cluster);
    assert_eq!(plane.backups().len(), 2, "an HSM more");
    plane.call("DeleteHsm", json!({"ClusterId": cluster, "HsmId": second}));
    assert_eq!(plane.backups().len(), 3, "an HSM less");
    plane.pass(86_400);
    plane.control.tick().unwrap();
    plane.control.settle().unwrap();
    let backups = plane.backups();
    assert_eq!(backups.len(), 4, "a day");
    assert!(backups.iter().all(|backup| backup["BackupState"] == "READY"), "{backups:?}");

    let source = &backups[0]["BackupId"];
    let body = json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"], "SourceBackupId": source});
    let clone = plane.call("CreateCluster", body)["Cluster"]["ClusterId"].as_str().unwrap().to_owned();
    let shown = plane.cluster(&clone);
    assert_eq!((&shown["State"], &shown["SourceBackupId"]), (&json!("ACTIVE"), source));
    assert_eq!(shown["Certificates"], plane.cluster(&cluster)["Certificates"]);
    assert!(plane.store(&clone).is_dir());
    plane.create_hsm(&clone);
    assert!(plane.host.running().iter().all(|hsm| hsm.address.is_some()));
}

#[test]
fn deleted_backups_come_back_for_seven_days_and_retention_spares_the_last() {
    let plane = Plane::new();
    let cluster = plane.active();
    plane.create_hsm(&cluster);
    let id = plane.backups()[0]["BackupId"].clone();
    let deleted = plane.call("DeleteBackup", json!({"BackupId": id}))["Backup"].clone();
    assert_eq!(deleted["BackupState"], "PENDING_DELETION");
    plane.refused(INVALID, "DeleteBackup", json!({"BackupId": id}));
    assert_eq!(plane.call("RestoreBackup", json!({"BackupId": id}))["Backup"]["BackupState"], "READY");
    plane.call("DeleteBackup", json!({"BackupId": id}));
    plane.pass(7 * 86_400);
    plane.control.tick().unwrap();
    plane.refused(NOT_FOUND, "RestoreBackup", json!({"BackupId": id}));

    plane.control.settle().unwrap();
    let kept = plane.backups().last().unwrap()["BackupId"].clone();
    plane.call("ModifyBackupAttributes", json!({"BackupId": kept, "NeverExpires": true}));
    plane.pass(91 * 86_400);
    plane.control.tick().unwrap();
    plane.control.settle().unwrap();
    plane.control.tick().unwrap();
    let states: Vec<_> = plane.backups().iter().map(|backup| backup["BackupState"].clone()).collect();
    assert_eq!(states, ["READY", "PENDING_DELETION", "READY"], "newest, expired, never expires");
}

#[test]
fn backups_are_copied_to_another_region_and_shared_with_another_account() {
    let plane = Plane::new();
    plane.active();
    let backup = plane.backups()[0].clone();
    let id = &backup["BackupId"];
    plane.call("TagResource", json!({"ResourceId": id, "TagList": [{"Key": "stage", "Value": "test"}]}));
    plane.call("CopyBackupToRegion", json!({"BackupId": id, "DestinationRegion": "eu-west-1"}));
    let there = plane.call_as(OWNER, "eu-west-1", "DescribeBackups", json!({})).unwrap();
    let copy = &there["Backups"][0];
    assert_eq!((&copy["SourceBackup"], &copy["BackupState"]), (id, &json!("READY")));
    assert_eq!((&copy["CreateTimestamp"], &copy["TagList"][0]["Key"]), (&backup["CreateTimestamp"], &json!("stage")));

    let friend = "444455556666";
    let shared = || plane.call_as(friend, REGION, "DescribeBackups", json!({"Shared": true})).unwrap();
    assert_eq!(shared()["Backups"], json!([]));
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": friend},
        "Action": ["cloudhsm:CreateCluster", "cloudhsm:DescribeBackups"], "Resource": "*"}]});
    let arn = &backup["BackupArn"];
    plane.call("PutResourcePolicy", json!({"ResourceArn": arn, "Policy": policy.to_string()}));
    assert_eq!(shared()["Backups"][0]["BackupId"], *id);
    let body = json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"], "SourceBackupId": arn});
    plane.call_as(friend, REGION, "CreateCluster", body).unwrap();
    assert_eq!(plane.call("GetResourcePolicy", json!({"ResourceArn": arn}))["Policy"], policy.to_string());
    plane.call("DeleteResourcePolicy", json!({"ResourceArn": arn}));
    assert_eq!(shared()["Backups"], json!([]));
}

#[test]
fn tags_filters_and_pages() {
    let plane = Plane::new();
    let ids: Vec<String> = (0..3).map(|_| plane.create_cluster()).collect();
    let first = plane.call("DescribeClusters", json!({"MaxResults": 2}));
    let second = plane.call("DescribeClusters", json!({"MaxResults": 2, "NextToken": first["NextToken"]}));
    assert_eq!(first["Clusters"].as_array().unwrap().len(), 2);
    assert_eq!(second["Clusters"][0]["ClusterId"], ids[2]);
    assert!(second.get("NextToken").is_none());
    let none = plane.call("DescribeClusters", json!({"Filters": {"states": ["ACTIVE"]}}));
    assert_eq!(none["Clusters"], json!([]));
    plane.refused(INVALID, "DescribeClusters", json!({"Filters": {"colour": ["red"]}}));
    let other = plane.call_as("999999999999", REGION, "DescribeClusters", json!({})).unwrap();
    assert_eq!(other["Clusters"], json!([]), "another account sees nothing");

    let tags: Vec<_> = (0..50).map(|index| json!({"Key": format!("k{index:02}"), "Value": ""})).collect();
    plane.call("TagResource", json!({"ResourceId": ids[0], "TagList": tags}));
    let more = json!({"ResourceId": ids[0], "TagList": [{"Key": "k50", "Value": ""}]});
    plane.refused("CloudHsmResourceLimitExceededException", "TagResource", more);
    plane.call("UntagResource", json!({"ResourceId": ids[0], "TagKeyList": ["k00"]}));
    let page = plane.call("ListTags", json!({"ResourceId": ids[0], "MaxResults": 48}));
    let rest = plane.call("ListTags", json!({"ResourceId": ids[0], "NextToken": page["NextToken"]}));
    assert_eq!(rest["TagList"], json!([{"Key": "k49", "Value": ""}]));
    let reserved = json!({"ResourceId": ids[0], "TagList": [{"Key": "aws:x", "Value": ""}]});
    plane.refused("CloudHsmTagException", "TagResource", reserved);
}

#[test]
fn what_a_crash_left_in_progress_is_finished_at_the_next_start() {
    let plane = Plane::new();
    let cluster = plane.initialized();
    let hsm = json!({"ClusterId": cluster, "AvailabilityZone": "us-west-2a"});
    plane.call_as(OWNER, REGION, "CreateHsm", hsm).unwrap();
    let body = json!({"HsmType": "hsm2m.medium", "SubnetIds": ["subnet-0a1b2c3d"]});
    plane.call_as(OWNER, REGION, "CreateCluster", body).unwrap();
    let plane = plane.restarted();
    plane.control.start_hsms(cluster_agent::control::HsmState::Active).unwrap();
    plane.control.settle().unwrap();
    assert_eq!(plane.host.running().len(), 2);
    let clusters = plane.call("DescribeClusters", json!({}));
    assert_eq!(clusters["Clusters"][1]["State"], "UNINITIALIZED");
}

#[test]
fn the_hsm_type_moves_on_and_back_within_a_day() {
    let plane = Plane::new();
    let cluster = plane.active();
    let back = json!({"ClusterId": cluster, "HsmType": "hsm1.medium"});
    assert!(plane.refused(INVALID, "ModifyCluster", back).contains("24 hours"));
    let days = json!({"ClusterId": cluster, "BackupRetentionPolicy": {"Type": "DAYS", "Value": "10"}});
    let answer = plane.call("ModifyCluster", days);
    assert_eq!(answer["Cluster"]["BackupRetentionPolicy"]["Value"], "10");
}
