<?php
/**
 * Turns the site into a network: php network.php DOCUMENT_ROOT HOST:PORT.
 */

define( 'WP_INSTALLING_NETWORK', true );
require __DIR__ . '/boot.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
foreach ( $wpdb->tables( 'ms_global' ) as $relay_lab_table => $relay_lab_name ) {
	$wpdb->$relay_lab_table = $relay_lab_name;
}
install_network();
populate_network( 1, $argv[2], 'admin@example.org', 'Lab network', '/', true );
$wpdb->update( $wpdb->site, array( 'domain' => $argv[2] ), array( 'id' => 1 ) );
$wpdb->update( $wpdb->blogs, array( 'domain' => $argv[2] ), array( 'blog_id' => 1 ) );
