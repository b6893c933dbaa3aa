//! Subnets and their address pools: a loopback network stands for each subnet of a VPC.

use std::net::Ipv4Addr;

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Deserialize;

use super::catalog::rows;
use super::error::{Refusal, invalid};
use super::validate::{AVAILABILITY_ZONE, SUBNET_ID};

/// Addresses at the start of a subnet that no HSM gets: network, router, DNS and one spare, as on AWS.
const KEPT_AT_START: u32 = 4;

/// A subnet: `[[subnet]]` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// `vpc-…`.
    pub vpc: String,
    /// Its Availability Zone; the region is this without its last letter.
    pub availability_zone: String,
    /// A network within 127.0.0.0/8, prefix 8 to 28.
    pub cidr: String,
}

impl Subnet {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            vpc: row.get("vpc")?,
            availability_zone: row.get("availability_zone")?,
            cidr: row.get("cidr")?,
        })
    }

    /// The region of its Availability Zone.
    #[must_use]
    pub fn region(&self) -> &str {
        self.availability_zone.trim_end_matches(|last: char| last.is_ascii_lowercase())
    }

    /// Checks what a person wrote.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming the setting.
    pub fn check(&self) -> Result<(), Refusal> {
        SUBNET_ID.check("subnet id", &self.id)?;
        AVAILABILITY_ZONE.check("availability_zone", &self.availability_zone)?;
        if !self.vpc.starts_with("vpc-") {
            return invalid(format!("vpc must begin with vpc-, {} does not.", self.vpc));
        }
        self.range().map(|_| ())
    }

    /// The first and last address an HSM may get.
    fn range(&self) -> Result<(u32, u32), Refusal> {
        let wrong =
            || Refusal::Invalid(format!("cidr {} is not a network within 127.0.0.0/8 of /8 to /28.", self.cidr));
        let (network, prefix) = self.cidr.split_once('/').ok_or_else(wrong)?;
        let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
        let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
        if !network.is_loopback() || !(8..=28).contains(&prefix) {
            return Err(wrong());
        }
        let hosts = u32::MAX >> prefix;
        let first = u32::from(network);
        if first & hosts != 0 {
            return Err(wrong());
        }
        Ok((first + KEPT_AT_START, first + hosts - 1))
    }

    /// The subnet of this id in a region.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when there is none (any more).
    pub fn find(db: &Connection, region: &str, id: &str) -> Result<Self, Refusal> {
        let sql = "SELECT * FROM subnet WHERE id = ?1 AND region = ?2 AND removed = 0";
        let found = db.query_row(sql, [id, region], Self::read).optional()?;
        found.ok_or_else(|| Refusal::Invalid(format!("The subnet {id} does not exist in {region}.")))
    }

    /// All subnets there are, by id.
    ///
    /// # Errors
    /// [`Refusal::Internal`].
    pub fn all(db: &Connection) -> Result<Vec<Self>, Refusal> {
        rows(db, "SELECT * FROM subnet WHERE removed = 0 ORDER BY id", [], Self::read)
    }

    /// Adds the subnet, or brings a removed one back.
    ///
    /// # Errors
    /// As [`Subnet::check`].
    pub fn add(&self, db: &Connection) -> Result<(), Refusal> {
        self.check()?;
        let sql = "INSERT INTO subnet (id, region, vpc, availability_zone, cidr) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (id) DO UPDATE SET region = excluded.region, vpc = excluded.vpc, removed = 0,
                   availability_zone = excluded.availability_zone, cidr = excluded.cidr";
        db.execute(sql, params![self.id, self.region(), self.vpc, self.availability_zone, self.cidr])?;
        Ok(())
    }

    /// Adds a subnet of the configuration, unless it was there before: one removed at run time stays removed.
    ///
    /// # Errors
    /// As [`Subnet::check`].
    pub fn add_configured(&self, db: &Connection) -> Result<(), Refusal> {
        let known: bool =
            db.query_row("SELECT EXISTS (SELECT 1 FROM subnet WHERE id = ?1)", [&self.id], |row| row.get(0))?;
        if known { self.check() } else { self.add(db) }
    }

    /// Removes a subnet: HSMs in it keep their addresses, new ones cannot be made in it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn remove(db: &Connection, id: &str) -> Result<(), Refusal> {
        if db.execute("UPDATE subnet SET removed = 1 WHERE id = ?1 AND removed = 0", [id])? == 0 {
            return Err(Refusal::NotFound(format!("There is no subnet {id}.")));
        }
        Ok(())
    }

    /// An address for a new HSM: the one asked for, else the lowest free one.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when it is taken or foreign, or when none is left.
    pub fn free_address(&self, db: &Connection, wanted: Option<&str>) -> Result<Ipv4Addr, Refusal> {
        let (first, last) = self.range()?;
        let taken = |address: Ipv4Addr| -> Result<bool, Refusal> {
            let sql = "SELECT EXISTS (SELECT 1 FROM hsm WHERE ip = ?1 UNION ALL
                       SELECT 1 FROM reserved_address WHERE ip = ?1)";
            Ok(db.query_row(sql, [address.to_string()], |row| row.get(0))?)
        };
        if let Some(wanted) = wanted {
            let address: Ipv4Addr =
                wanted.parse().map_err(|_| Refusal::Invalid(format!("IpAddress {wanted} is not an IPv4 address.")))?;
            if !(first..=last).contains(&u32::from(address)) {
                return invalid(format!("IpAddress {wanted} is not an address for HSMs of {}.", self.id));
            }
            if taken(address)? {
                return invalid(format!("IpAddress {wanted} is already in use."));
            }
            return Ok(address);
        }
        for address in first..=last {
            let address = Ipv4Addr::from(address);
            if !taken(address)? {
                return Ok(address);
            }
        }
        invalid(format!("The subnet {} has no free addresses.", self.id))
    }
}

/// Takes an address out of its pool, as something else in the VPC would.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn reserve(db: &Connection, address: Ipv4Addr) -> Result<(), Refusal> {
    db.execute("INSERT OR IGNORE INTO reserved_address (ip) VALUES (?1)", [address.to_string()])?;
    Ok(())
}

/// Puts a reserved address back into its pool.
///
/// # Errors
/// [`Refusal::Internal`].
pub fn release(db: &Connection, address: Ipv4Addr) -> Result<(), Refusal> {
    db.execute("DELETE FROM reserved_address WHERE ip = ?1", [address.to_string()])?;
    Ok(())
}
