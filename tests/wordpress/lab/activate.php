<?php
/**
 * Activates one plugin: php activate.php DOCUMENT_ROOT HOST:PORT slug/slug.php.
 */

require __DIR__ . '/boot.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';
wp_set_current_user( 1 );
$relay_lab_result = activate_plugin( $argv[3] );
if ( is_wp_error( $relay_lab_result ) ) {
	fwrite( STDERR, $relay_lab_result->get_error_message() . "\n" );
	exit( 1 );
}
