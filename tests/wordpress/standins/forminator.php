<?php
/**
 * Plugin Name: Stand-in for Forminator
 *
 * For tests only. Like Forminator 1.53.2 (library/modules/custom-forms/front/front-action.php, save_entry_fields()):
 * choices are passed by value, empty fields are left out, and the hook fires for spam, drafts and previews. Forms are kept
 * in an option.
 */

class Standin_Forminator_Field {
	public $slug;
	private $settings;

	public function __construct( $slug, array $settings ) {
		$this->slug     = $slug;
		$this->settings = $settings;
	}

	public function to_array() {
		return array( 'id' => $this->slug ) + $this->settings;
	}
}

class Forminator_API {
	public static function get_forms( $ids = null, $page = 1, $per_page = 10 ) {
		$forms = array();
		foreach ( get_option( 'standin_forminator', array() ) as $id => $form ) {
			$forms[] = (object) array(
				'id'       => $id,
				'name'     => sanitize_title( $form['title'] ),
				'settings' => array( 'formName' => $form['title'] ),
			);
		}
		return $forms;
	}

	public static function get_form_fields( $id ) {
		$forms = get_option( 'standin_forminator', array() );
		if ( ! isset( $forms[ $id ] ) ) {
			return new WP_Error( 'missing_object' );
		}
		$fields = array();
		foreach ( $forms[ $id ]['fields'] as $slug => $settings ) {
			$fields[] = new Standin_Forminator_Field( $slug, $settings );
		}
		return $fields;
	}
}

/**
 * Sends a form in. $status is null for a preview, which is not stored.
 */
function standin_forminator_submit( $form_id, array $values, $entry_id = 61, $status = 'active' ) {
	$fields = get_option( 'standin_forminator' )[ $form_id ]['fields'];
	$data   = array();
	foreach ( $values as $slug => $value ) {
		$clean = static function ( $one ) use ( $fields, $slug ) {
			return 'textarea' === $fields[ $slug ]['type'] ? sanitize_textarea_field( $one ) : sanitize_text_field( $one );
		};
		if ( '' !== $value && array() !== $value && 'password' !== $fields[ $slug ]['type'] ) {
			$data[] = array(
				'name'           => $slug,
				'value'          => map_deep( $value, $clean ),
				'field_type'     => $fields[ $slug ]['type'],
				'key'            => 0,
				'field_array'    => array( 'element_id' => $slug ) + $fields[ $slug ],
				'form_field_obj' => new stdClass(),
			);
		}
	}
	$data[] = array(
		'name'  => '_forminator_user_ip',
		'value' => '192.0.2.7',
	);
	$entry  = (object) array(
		'entry_id' => null === $status ? null : $entry_id,
		'form_id'  => $form_id,
		'is_spam'  => 'spam' === $status ? 1 : 0,
	);
	if ( null !== $status ) {
		$entry->status = $status;
	}
	do_action( 'forminator_custom_form_submit_before_set_fields', $entry, $form_id, $data );
}
