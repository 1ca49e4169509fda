<?php
/**
 * Plugin Name: Stand-in for MetForm
 *
 * For tests only. Like MetForm 4.1.8 (core/entries/action.php, submit()): the hook passes the whole request as it was
 * typed, with the nonce and the password; several choices are one text, "tea,pots". Forms are kept in an option.
 */

namespace MetForm {

	class Plugin {
	}
}

namespace MetForm\Core\Entries {

	class Action {
		public static function instance() {
			return new self();
		}

		public function get_fields( $form_id = null ) {
			$widgets = array();
			foreach ( get_option( 'standin_metform', array() )[ $form_id ] as $name => $widget ) {
				$widgets[ $name ] = (object) ( array( 'mf_input_name' => $name, 'mf_input_label' => $widget[1], 'widgetType' => $widget[0] ) + ( isset( $widget[2] ) ? $widget[2] : array() ) );
			}
			return $widgets;
		}
	}
}

namespace {

	function standin_metform_submit( $form_id, array $values, array $files = array() ) {
		do_action(
			'metform_after_store_form_data',
			$form_id,
			$values + array( 'action' => 'insert', 'id' => (string) $form_id, 'form_nonce' => 'abcdef0123', 'hidden-fields' => '[]' ),
			array( 'form_title' => 'x' ),
			array( 'email_field_name' => null, 'file_data' => array(), 'file_upload_info' => $files )
		);
	}
}
